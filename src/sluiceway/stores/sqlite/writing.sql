-- The one row of placeholders of a statement is repeated for many rows at once. `||` makes text of bytes, hence CAST.
-- A run that has ended (states 3 to 6: completed, failed, crashed, cancelled) stays as it is.

-- name: insert_flow
INSERT INTO flow (key, name, created) VALUES (?, ?, ?);

-- name: find_flow
SELECT id FROM flow WHERE name = ?;

-- name: describe_flows
UPDATE flow SET description = described.column2, parameters = described.column3
FROM (VALUES (?, ?, ?)) AS described WHERE flow.id = described.column1;

-- name: insert_task
INSERT INTO task (name, key) VALUES (?, ?);

-- name: find_task
SELECT id FROM task WHERE name = ? AND key = ?;

-- name: insert_logger
INSERT INTO logger (name) VALUES (?);

-- name: find_logger
SELECT id FROM logger WHERE name = ?;

-- name: create_flow_runs
INSERT INTO flow_run (
    key, flow, state, state_name, run_count, name, version, parent, parent_task_run, root,
    started, ended, next_start, expected_start, tags, history,
    result_serializer, result_size, result_location, result_why_not, result_preview, result, parameters,
    epoch, entrypoint, auto_resume, started_by, call, call_location, call_why_not
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING;

-- name: create_task_runs
INSERT INTO task_run (
    key, flow_run, task, state, state_name, run_count, call_hash, ordinal, parent, child_flow_run, name,
    started, ended, next_start, tags, cache_key, call_preview, inputs, history,
    result_serializer, result_size, result_location, result_why_not, result_preview, result
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO NOTHING;

-- name: create_completed_task_runs
-- Those that ran once, completed, and have nothing special about them: half the values to bind.
INSERT INTO task_run (
    key, flow_run, task, call_hash, ordinal, started, ended, call_preview, history,
    result_serializer, result_preview, result, state, run_count
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 3, 1)
ON CONFLICT (key) DO NOTHING;

-- name: move_flow_runs
UPDATE flow_run SET
    state = move.column2, state_name = move.column3, run_count = move.column4,
    started = ifnull(started, move.column5), ended = move.column6, next_start = move.column7,
    name = ifnull(move.column8, name), history = CAST(history || move.column9 AS BLOB),
    result_serializer = move.column10, result_size = move.column11, result_location = move.column12,
    result_why_not = move.column13, result_preview = move.column14, result = move.column15
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) AS move
WHERE flow_run.key = move.column1 AND flow_run.state NOT BETWEEN 3 AND 6;

-- name: move_task_runs
UPDATE task_run SET
    state = move.column2, state_name = move.column3, run_count = move.column4,
    started = ifnull(started, move.column5), ended = move.column6, next_start = move.column7,
    name = ifnull(move.column8, name), cache_key = ifnull(move.column9, cache_key),
    history = CAST(history || move.column10 AS BLOB),
    result_serializer = move.column11, result_size = move.column12, result_location = move.column13,
    result_why_not = move.column14, result_preview = move.column15, result = move.column16
FROM (VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)) AS move
WHERE task_run.key = move.column1 AND task_run.state NOT BETWEEN 3 AND 6;

-- name: tag_flow_runs
INSERT OR IGNORE INTO flow_run_tag (tag, run) VALUES (?, ?);

-- name: tag_task_runs
INSERT OR IGNORE INTO task_run_tag (tag, run) VALUES (?, ?);

-- name: cache_results
INSERT INTO cached_result (
    key, created, expires,
    result_serializer, result_size, result_location, result_why_not, result_preview, result
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    created = excluded.created, expires = excluded.expires,
    result_serializer = excluded.result_serializer, result_size = excluded.result_size,
    result_location = excluded.result_location, result_why_not = excluded.result_why_not,
    result_preview = excluded.result_preview, result = excluded.result
WHERE excluded.created >= cached_result.created;

-- name: append_logs
INSERT INTO log (flow_run, task_run, moment, level, logger, message) VALUES (?, ?, ?, ?, ?, ?);

-- name: make_artifacts
INSERT INTO artifact (
    id, key, type, description, metadata, flow_run, task_run, created, updated, size, data
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING;

-- name: change_artifacts
UPDATE artifact SET
    data = change.column2, size = change.column3, description = ifnull(change.column4, description),
    updated = change.column5
FROM (VALUES (?, ?, ?, ?, ?)) AS change
WHERE artifact.id = change.column1;

-- name: defer_calls
INSERT INTO deferred_call (run, task, due, call) VALUES (?, ?, ?, ?) ON CONFLICT (run) DO NOTHING;

-- name: begin_waits
INSERT OR IGNORE INTO deferred_wait (run, upstream)
SELECT column1, column2 FROM (VALUES (?, ?)) WHERE column2 IN (SELECT run FROM deferred_call);

-- name: end_waits
DELETE FROM deferred_wait WHERE upstream IN (VALUES (?));

-- name: end_calls
DELETE FROM deferred_call WHERE run IN (VALUES (?));

-- name: reopen_flow_runs
UPDATE flow_run SET
    state = move.column2, state_name = move.column3, ended = move.column4, next_start = NULL,
    history = CAST(history || move.column5 AS BLOB),
    result_serializer = NULL, result_size = NULL, result_location = NULL,
    result_why_not = NULL, result_preview = NULL, result = NULL
FROM (VALUES (?, ?, ?, ?, ?)) AS move
WHERE flow_run.key = move.column1;

-- name: note_reopened
-- What nothing may refer to any more, once the run has another result.
INSERT OR REPLACE INTO unreferenced_result (location, since)
SELECT run.result_location, note.column2
FROM (VALUES (?, ?)) AS note JOIN task_run AS run ON run.key = note.column1
WHERE run.result_location IS NOT NULL;

-- name: reopen_task_runs
UPDATE task_run SET
    state = move.column2, state_name = move.column3, ended = move.column4, next_start = NULL,
    history = CAST(history || move.column5 AS BLOB),
    result_serializer = NULL, result_size = NULL, result_location = NULL,
    result_why_not = NULL, result_preview = NULL, result = NULL
FROM (VALUES (?, ?, ?, ?, ?)) AS move
WHERE task_run.key = move.column1;

-- name: stage_task_runs
INSERT OR IGNORE INTO staged_run (run) VALUES (?);

-- name: settle_task_runs
DELETE FROM staged_run WHERE run IN (VALUES (?));

-- name: hold_runs
INSERT OR IGNORE INTO held_run (run, process) VALUES (?, ?);

-- name: let_go_runs
DELETE FROM held_run WHERE run IN (VALUES (?));

-- name: note_batch
INSERT INTO batch (stream, number, written) VALUES (?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET number = excluded.number, written = excluded.written
WHERE excluded.number > batch.number;

-- name: forget_batches
DELETE FROM batch WHERE written < ?;

-- name: announce_process
INSERT OR IGNORE INTO process (key, host, boot, pid, started, lock, until) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: find_process
SELECT 1 FROM process WHERE key = ?;
