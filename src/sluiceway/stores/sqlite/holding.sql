-- Runs in hand: which process has them, and who takes them in hand next.
-- States 3 to 6 are final: completed, failed, crashed, cancelled; 8 is paused.

-- name: processes
SELECT key, host, boot, pid, started, lock, until FROM process ORDER BY key;

-- name: process
SELECT until FROM process WHERE key = ?;

-- name: announce
INSERT OR IGNORE INTO process (key, host, boot, pid, started, lock, until) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: prolong
UPDATE process SET until = ? WHERE key = ? RETURNING 1;

-- name: leave
DELETE FROM process WHERE key = ?;

-- name: held
SELECT run, cancel FROM held_run WHERE process = ?;

-- name: held_to_bury
SELECT held_run.run, ifnull(flow_run.epoch, 0), ifnull(flow_run.auto_resume, 0), held_run.cancel
FROM held_run LEFT JOIN flow_run ON flow_run.key = held_run.run
WHERE held_run.process = ?;

-- name: let_go_all
DELETE FROM held_run WHERE process = ?;

-- name: holder
SELECT process.key, process.host, process.boot, process.pid, process.started, process.lock, process.until
FROM held_run JOIN process ON process.key = held_run.process
WHERE held_run.run = ?;

-- name: tree
-- A flow run and all that it called, directly or through others.
WITH RECURSIVE tree (key) AS (
    SELECT :run
    UNION ALL
    SELECT flow_run.key FROM flow_run JOIN tree ON flow_run.parent = tree.key
)
SELECT flow_run.key FROM tree JOIN flow_run ON flow_run.key = tree.key
WHERE flow_run.state NOT BETWEEN 3 AND 6;

-- name: end_flow_run
UPDATE flow_run SET
    state = :state, state_name = NULL, ended = :at, next_start = NULL, history = CAST(history || :history AS BLOB)
WHERE key = :run AND state NOT BETWEEN 3 AND 6
RETURNING key;

-- name: end_task_runs
-- Unfinished ones are few: they come off the index of states.
UPDATE task_run SET
    state = :state, state_name = NULL, ended = :at, next_start = NULL, history = CAST(history || :history AS BLOB)
WHERE +flow_run = :run AND state IN (0, 1, 2, 7, 8);

-- name: end_task_run
UPDATE task_run SET
    state = :state, state_name = NULL, ended = :at, next_start = NULL, history = CAST(history || :history AS BLOB)
WHERE key = :run AND state NOT BETWEEN 3 AND 6
RETURNING key;

-- name: state
SELECT state, epoch FROM flow_run WHERE key = ?;

-- name: take
UPDATE flow_run SET
    state = :state, state_name = :state_name, ended = NULL, next_start = NULL, epoch = epoch + 1,
    history = CAST(history || :history AS BLOB),
    result_serializer = NULL, result_size = NULL, result_location = NULL,
    result_why_not = NULL, result_preview = NULL, result = NULL
WHERE key = :run
RETURNING epoch;

-- name: hold
INSERT INTO held_run (run, process) VALUES (?, ?) ON CONFLICT (run) DO UPDATE SET process = excluded.process, cancel = NULL;

-- name: hold_if_free
INSERT INTO held_run (run, process) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1;

-- name: let_go
DELETE FROM held_run WHERE run = ?;

-- name: request_cancel
UPDATE held_run SET cancel = ifnull(cancel, ?) WHERE run = ? RETURNING 1;

-- name: begin_cancelling
UPDATE flow_run SET
    state = :state, state_name = NULL, history = CAST(history || :history AS BLOB)
WHERE key = :run AND state NOT BETWEEN 3 AND 7;

-- name: steps
SELECT
    run.key, run.parent, task.key, task.name, run.call_hash, run.call_preview, run.ordinal, run.state, run.state_name,
    run.run_count, run.name, run.child_flow_run, run.started, run.ended
FROM task_run AS run JOIN task ON task.id = run.task
WHERE run.flow_run = ?
ORDER BY run.key;

-- name: staged
SELECT run FROM staged_run WHERE run IN (SELECT key FROM task_run WHERE flow_run = ?);

-- name: call
SELECT call, call_location, call_why_not FROM flow_run WHERE key = ?;

-- name: claim_key
INSERT INTO chosen_key (flow, key, run, call_hash) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: find_key
SELECT run, call_hash FROM chosen_key WHERE flow = ? AND key = ?;

-- name: begin_pause
INSERT INTO pause (run, key, until) VALUES (?, ?, ?)
ON CONFLICT (run, key) DO UPDATE SET until = excluded.until WHERE pause.resumed IS NULL AND pause.until <= ?;

-- name: reopen_pause
UPDATE pause SET resumed = NULL, answer = NULL, until = ? WHERE run = ? AND key = ?;

-- name: suspensions
SELECT pause.run, pause.key, pause.until, pause.resumed, pause.answer
FROM held_run JOIN pause ON pause.run = held_run.run
WHERE held_run.process = ? AND pause.resumed IS NULL AND substr(pause.key, 1, 13) = ?
ORDER BY pause.run, pause.key;

-- name: find_pause
SELECT run, key, until, resumed, answer FROM pause WHERE run = ? AND key = ?;

-- name: pauses
SELECT run, key, until, resumed, answer FROM pause WHERE run = ? ORDER BY until, key;

-- name: end_pause
UPDATE pause SET resumed = ?, answer = ? WHERE run = ? AND key = ? AND resumed IS NULL RETURNING 1;

-- name: claimed
SELECT call.run, run.history
FROM deferred_call AS call JOIN task_run AS run ON run.key = call.run
WHERE call.owner LIKE '%/' || ?;

-- name: release
UPDATE deferred_call SET owner = NULL, claimed = NULL WHERE run = ?;

-- name: end_waits
DELETE FROM deferred_wait WHERE upstream = ?;

-- name: end_call
DELETE FROM deferred_call WHERE run = ?;

-- name: await_worker
UPDATE task_run SET
    state = :state, state_name = :state_name, history = CAST(history || :history AS BLOB)
WHERE key = :run AND state NOT BETWEEN 3 AND 6;
