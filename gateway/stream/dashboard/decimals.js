// Exact sums of decimal text and its way onto the page. Must never turn money into a floating-point
// number; only pixels, shades and the order of rows may be approximate.

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?$/;
const FRACTION_MAX = 8;  // digits shown in a cell; the whole number is in its title
const FIGURE_SPACE = "\u2007";  // as wide as a digit
const POINT_SPACE = "\u2008";  // as wide as a point

/** "-1.50" -> {mantissa: -150n, scale: 2}; null for anything that is no plain decimal. */
export function parseDecimal(text) {
  const match = DECIMAL.exec(text ?? "");
  if (match === null) return null;
  const [, sign, whole, fraction = ""] = match;
  const mantissa = BigInt(whole + fraction);
  return {mantissa: sign === "-" ? -mantissa : mantissa, scale: fraction.length};
}

/** Sum of decimal texts, in the longest of their scales; null if one is no decimal. */
export function addDecimals(...texts) {
  const numbers = texts.map(parseDecimal);
  if (numbers.includes(null)) return null;
  const scale = Math.max(0, ...numbers.map((number) => number.scale));
  let sum = 0n;
  for (const number of numbers) sum += number.mantissa * 10n ** BigInt(scale - number.scale);
  return formatDecimal(sum, scale);
}

export function formatDecimal(mantissa, scale) {
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale > 0 ? "." + digits.slice(digits.length - scale) : "";
  return (mantissa < 0n ? "-" : "") + whole + fraction;
}

/** Whether two decimal texts are the same number. */
export function isEqual(left, right) {
  return signOf(addDecimals(left, negate(right)) ?? "1") === 0;
}

export function negate(text) {
  return text.startsWith("-") ? text.slice(1) : `-${text.replace(/^\+/, "")}`;
}

/** part / whole in thousandths, cut; null without a whole. Magnitudes only. */
export function shareOf(part, whole) {
  const a = parseDecimal(part);
  const b = parseDecimal(whole);
  if (a === null || b === null || b.mantissa === 0n) return null;
  const up = a.mantissa * 10n ** BigInt(b.scale) * 1000n;
  const share = up / (b.mantissa * 10n ** BigInt(a.scale));
  return Number(share < 0n ? -share : share);
}

/** Trailing zeros cut, for reading; the value is unchanged. */
export function shorten(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** -1, 0, 1; 0 for what is no decimal. */
export function signOf(text) {
  if (text === null || text === undefined || !/[1-9]/.test(text)) return 0;
  return text.startsWith("-") ? -1 : DECIMAL.test(text) ? 1 : 0;
}

/** 1234567.5 -> 1,234,567.5; nothing but commas is added. */
export function group(text) {
  const point = text.indexOf(".");
  const whole = point < 0 ? text : text.slice(0, point);
  return whole.replace(/\B(?=(\d{3})+$)/g, ",") + (point < 0 ? "" : text.slice(point));
}

/** For a cell: grouped, a long fraction cut visibly and never rounded. Of an amount below one, such as
 * of a coin, three digits behind its zeros are shown. */
export function shown(text, atLeast = FRACTION_MAX) {
  const point = text.indexOf(".");
  const zeros = /^[+-]?0*\.(0*)/.exec(text)?.[1].length ?? -3;
  const digits = Math.min(FRACTION_MAX, Math.max(atLeast, zeros + 3));
  if (point < 0 || text.length - point - 1 <= digits) return group(text);
  const short = shorten(text);
  const end = point + 1 + digits;
  return short.length <= end ? group(short) : `${group(short.slice(0, end))}…`;
}

export function fractionLength(text) {
  const point = text.lastIndexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** Pads on the right, so that points stand in one line in a right-aligned column. */
export function alignPoint(text, scale) {
  const length = fractionLength(text);
  if (length >= scale) return text;
  return text + (length === 0 ? POINT_SPACE : "") + FIGURE_SPACE.repeat(scale - length);
}
