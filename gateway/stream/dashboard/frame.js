// The page's one drawing loop: whatever changed asks to be drawn soon and is drawn once per frame.

const waiting = new Set();
let isRequested = false;

/** Runs `task` once in the next animation frame. */
export function soon(task) {
  waiting.add(task);
  if (isRequested) return;
  isRequested = true;
  requestAnimationFrame(run);
}

function run(now) {
  isRequested = false;
  const tasks = [...waiting];
  waiting.clear();
  for (const task of tasks) {
    try {
      task(now);
    } catch (fault) {
      reportError(fault);  // what one panel cannot draw, the others can
    }
  }
}

/** `task` at most once per `ms`, the last call included. */
export function atMostEvery(ms, task) {
  let last = -ms;
  let timer = 0;
  const fire = () => {
    timer = 0;
    last = performance.now();
    soon(task);
  };
  return () => {
    if (timer === 0) timer = setTimeout(fire, Math.max(0, last + ms - performance.now()));
  };
}
