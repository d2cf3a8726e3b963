// Exact sums of decimal text. Must never turn money into a floating-point number.

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?$/;

/** "-1.50" -> {mantissa: -150n, scale: 2}; null for anything that is no plain decimal. */
export function parseDecimal(text) {
  const match = DECIMAL.exec(text ?? "");
  if (match === null) return null;
  const [, sign, whole, fraction = ""] = match;
  const mantissa = BigInt(whole + fraction);
  return {mantissa: sign === "-" ? -mantissa : mantissa, scale: fraction.length};
}

/** Sum of two decimal texts, in the longer of their scales; null if one is no decimal. */
export function addDecimals(left, right) {
  const a = parseDecimal(left);
  const b = parseDecimal(right);
  if (a === null || b === null) return null;
  const scale = Math.max(a.scale, b.scale);
  const raise = (number) => number.mantissa * 10n ** BigInt(scale - number.scale);
  return formatDecimal(raise(a) + raise(b), scale);
}

export function formatDecimal(mantissa, scale) {
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale > 0 ? "." + digits.slice(digits.length - scale) : "";
  return (mantissa < 0n ? "-" : "") + whole + fraction;
}

/** Trailing zeros cut, for reading; the value is unchanged. */
export function shorten(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** -1, 0, 1; 0 for what is no decimal. */
export function signOf(text) {
  const number = parseDecimal(text);
  if (number === null || number.mantissa === 0n) return 0;
  return number.mantissa < 0n ? -1 : 1;
}
