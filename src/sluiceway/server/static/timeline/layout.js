// From task runs to rows: steps below those that called them, many runs of one task as one row, lanes when it opens.

/** From how many runs of one task on they are one row. */
export const GROUP_FROM = 9;

/** Up to how many members an opened row shows each on a row of its own; more share lanes. */
const SINGLE_UP_TO = 40;

/** Runs below a task are shown at once if they are no more than this. */
const OPEN_UP_TO = 24;

/**
 * Return the rows of a sheet.
 *
 * @param {object} sheet the task runs
 * @param {object} opened what is open: `has(id)`, `toggled(id)`, and `child(key)`, the sheet of a child run if it is there
 * @param {number} now the present moment
 */
export function rowsOf(sheet, opened, now) {
  const rows = [];
  level(sheet, -1, 0, rows, opened, now);
  return rows;
}

function level(sheet, parent, depth, rows, opened, now) {
  for (const members of groupsOf(sheet, parent)) {
    if (members.length < GROUP_FROM) for (const at of members) step(sheet, at, depth, rows, opened, now);
    else fan(sheet, members, parent, depth, rows, opened, now);
  }
}

/** What was called by one caller, by task, in the order in which it began; made once for each version of a sheet. */
function groupsOf(sheet, parent) {
  if (sheet.groupedVersion !== sheet.version) {
    sheet.groups = group(sheet);
    sheet.groupedVersion = sheet.version;
    sheet.lanes = new Map();
  }
  return sheet.groups.get(parent) ?? [];
}

function group(sheet) {
  const byParent = new Map();
  for (let at = 0; at < sheet.size; at++) {
    const parent = sheet.parent(at);
    let tasks = byParent.get(parent);
    if (!tasks) byParent.set(parent, (tasks = new Map()));
    const members = tasks.get(sheet.task[at]);
    if (members) members.push(at);
    else tasks.set(sheet.task[at], [at]);
  }
  const groups = new Map();
  for (const [parent, tasks] of byParent) {
    const parts = [];
    for (const members of tasks.values()) {
      members.sort((a, b) => sheet.from(a) - sheet.from(b) || a - b);
      if (members.length < GROUP_FROM) for (const at of members) parts.push([at]);
      else parts.push(members);
    }
    parts.sort((a, b) => sheet.from(a[0]) - sheet.from(b[0]) || a[0] - b[0]);
    groups.set(parent, parts);
  }
  return groups;
}

function step(sheet, at, depth, rows, opened, now) {
  const childKey = sheet.children[at];
  const below = groupsOf(sheet, at);
  const few = below.length > 0 && below.reduce((sum, members) => sum + members.length, 0) <= OPEN_UP_TO;
  const id = sheet.keys[at];
  const openable = below.length > 0 || childKey !== null;
  const open = openable && few !== opened.toggled(id);
  rows.push({ kind: 'step', id, sheet, at, depth, openable, open, label: sheet.labels[at] });
  if (!open) return;
  level(sheet, at, depth + 1, rows, opened, now);
  if (childKey === null) return;
  const child = opened.child(childKey);
  if (child && child.size) level(child, -1, depth + 1, rows, opened, now);
  else rows.push({ kind: 'note', id: `${id}/note`, depth: depth + 1, label: child ? 'calls no tasks' : 'loading …' });
}

function fan(sheet, members, parent, depth, rows, opened, now) {
  const id = `${sheet.run.key}/${parent}/${sheet.task[members[0]]}`;
  const open = opened.toggled(id);
  const label = sheet.tasks[sheet.task[members[0]]];
  rows.push({ kind: 'fan', id, sheet, members, depth, openable: true, open, label, states: statesOf(sheet, members) });
  if (!open) return;
  if (members.length <= SINGLE_UP_TO) {
    for (const at of members) step(sheet, at, depth + 1, rows, opened, now);
    return;
  }
  const { lanes, waiting } = lanesOf(sheet, id, members, now);
  lanes.forEach((lane, number) => {
    rows.push({ kind: 'lane', id: `${id}/${number}`, sheet, members: lane, depth: depth + 1, label: `${number + 1}` });
  });
  for (const at of members) {
    if (opened.toggled(sheet.keys[at])) step(sheet, at, depth + 1, rows, opened, now);
  }
  if (waiting) rows.push({ kind: 'note', id: `${id}/waiting`, depth: depth + 1, label: `${waiting.toLocaleString('en')} not started` });
}

/** How many of many runs are in each state, the most frequent first: `[[type, name], count]`. */
export function statesOf(sheet, members) {
  const counts = new Uint32Array(sheet.states.length);
  for (const at of members) counts[sheet.state[at]] += 1;
  const found = [];
  counts.forEach((count, state) => count && found.push([sheet.states[state], count]));
  return found.sort((a, b) => b[1] - a[1]);
}

function lanesOf(sheet, id, members, now) {
  let found = sheet.lanes.get(id);
  if (!found) sheet.lanes.set(id, (found = pack(sheet, members, now)));
  return found;
}

/**
 * Put runs into as few lanes as there were running at once: each into the lane that became free first.
 * Only what has started takes room.
 */
export function pack(sheet, members, now) {
  const lanes = [];
  const heap = []; // of [free from, lane], the earliest first
  let waiting = 0;
  for (const at of members) {
    const from = sheet.start[at];
    if (Number.isNaN(from)) {
      waiting += 1;
      continue;
    }
    const to = sheet.to(at, now);
    if (heap.length && heap[0][0] <= from) {
      const [, lane] = heap[0];
      lanes[lane].push(at);
      heap[0] = [to, lane];
      sink(heap);
    } else {
      lanes.push([at]);
      heap.push([to, lanes.length - 1]);
      rise(heap);
    }
  }
  return { lanes: lanes.map((lane) => Int32Array.from(lane)), waiting };
}

function rise(heap) {
  let place = heap.length - 1;
  while (place > 0) {
    const above = (place - 1) >> 1;
    if (heap[above][0] <= heap[place][0]) return;
    [heap[above], heap[place]] = [heap[place], heap[above]];
    place = above;
  }
}

function sink(heap) {
  let place = 0;
  for (;;) {
    let least = place;
    for (const below of [2 * place + 1, 2 * place + 2]) {
      if (below < heap.length && heap[below][0] < heap[least][0]) least = below;
    }
    if (least === place) return;
    [heap[least], heap[place]] = [heap[place], heap[least]];
    place = least;
  }
}

/** The first of the members of a lane that ends after a moment; the lane is in the order of time. */
export function firstAfter(sheet, lane, moment, now) {
  let low = 0;
  let high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sheet.to(lane[middle], now) > moment) high = middle;
    else low = middle + 1;
  }
  return low;
}
