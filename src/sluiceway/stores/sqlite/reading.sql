-- Lists are put together from these parts. `{any}` becomes `= ?` for one value, so that an index gives the order
-- too, and for several the part `any` or `any_key`, which bind them as one; `{is}` becomes `=` or IN accordingly.

-- name: flow_run
SELECT
    run.key, flow.name, flow.key, run.version, run.name, run.tags, run.parameters,
    run.parent, run.parent_task_run, run.root,
    run.run_count, run.started, run.ended, run.next_start, run.expected_start, run.history
FROM flow_run AS run LEFT JOIN flow ON flow.id = run.flow

-- name: task_run
SELECT
    run.key, task.key, task.name, run.flow_run, run.name, run.tags,
    run.parent, run.child_flow_run, run.call_hash, run.ordinal, run.call_preview, run.cache_key, run.inputs,
    run.run_count, run.started, run.ended, run.next_start, run.history
FROM task_run AS run LEFT JOIN task ON task.id = run.task

-- name: log
SELECT log.number, log.flow_run, log.task_run, log.moment, log.level, logger.name, log.message
FROM log LEFT JOIN logger ON logger.id = log.logger

-- name: where keys
run.key {any}

-- name: where key_range
run.key BETWEEN ? AND ?

-- name: where created_after
run.key >= ?

-- name: where created_before
run.key < ?

-- name: where names
run.name {any}

-- name: where name_like
instr(lower(run.name), lower(?)) > 0

-- name: where flow_names
run.flow {is} (SELECT id FROM flow WHERE name {any})

-- name: where task_names
run.task IN (SELECT id FROM task WHERE name {any})

-- name: where flow_run_keys
run.flow_run {any}

-- name: where parent
run.parent = ?

-- name: where roots_only
run.parent IS NULL

-- name: where state_names
run.state_name {any}

-- name: where flow_run tag
run.key IN (SELECT run FROM flow_run_tag WHERE tag = ?)

-- name: where task_run tag
run.key IN (SELECT run FROM task_run_tag WHERE tag = ?)

-- name: order newest first
run.key DESC

-- name: after newest first
run.key < ?

-- name: order oldest first
run.key

-- name: after oldest first
run.key > ?

-- name: order started first
run.start_order, run.key

-- name: after started first
(run.start_order, run.key) > (?, ?)

-- name: order started last
run.start_order DESC, run.key DESC

-- name: after started last
(run.start_order, run.key) < (?, ?)

-- name: order ended last
run.end_order DESC, run.key DESC

-- name: after ended last
(run.end_order, run.key) < (?, ?)

-- name: order name
{name}, run.key

-- name: after name
({name}, run.key) > (?, ?)

-- name: where log flow_run_keys
log.flow_run {any}

-- name: where log task_run_keys
log.task_run {any}

-- name: where log level_at_least
log.level >= ?

-- name: where log text
instr(lower(log.message), lower(?)) > 0

-- name: where log moment_after
log.moment >= ?

-- name: where log moment_before
log.moment < ?

-- name: any
IN (SELECT value FROM json_each(?))

-- name: any_key
IN (
    WITH RECURSIVE place (at) AS (SELECT 1 UNION ALL SELECT at + 16 FROM place WHERE at + 16 < length(?))
    SELECT substr(?, at, 16) FROM place
)

-- name: flow
SELECT key, name, created FROM flow WHERE key = ?;

-- name: flows
SELECT key, name, created FROM flow WHERE name > ? ORDER BY name LIMIT ?;

-- name: flows_of_names
SELECT key, name, created FROM flow WHERE name > ? AND name IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?;

-- name: task_runs_by_state
SELECT task.name, run.state, run.state_name, count(*)
FROM task_run AS run LEFT JOIN task ON task.id = run.task
WHERE run.flow_run = ?
GROUP BY task.name, run.state, run.state_name;

-- name: history
SELECT history FROM task_run WHERE key = ? UNION ALL SELECT history FROM flow_run WHERE key = ?;

-- name: result
SELECT result_serializer, result, result_location, result_size, result_preview, result_why_not
FROM task_run WHERE key = ?
UNION ALL
SELECT result_serializer, result, result_location, result_size, result_preview, result_why_not
FROM flow_run WHERE key = ?;

-- name: cached
SELECT
    created, expires,
    result_serializer, result, result_location, result_size, result_preview, result_why_not
FROM cached_result WHERE key = ?;

-- name: sizes
SELECT
    (SELECT count(*) FROM flow) AS flows,
    (SELECT count(*) FROM flow_run) AS flow_runs,
    (SELECT count(*) FROM task_run) AS task_runs,
    (SELECT count(*) FROM cached_result) AS cached_results,
    (SELECT count(*) FROM log) AS log_lines;

-- name: dangling
SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2;
