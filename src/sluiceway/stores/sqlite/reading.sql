-- Lists are put together from these parts. `{any}` becomes `= ?` for one value, so that an index gives the order
-- too, and for several the part `any` or `any_key`, which bind them as one; `{is}` becomes `=` or IN accordingly.

-- name: flow_run
SELECT
    run.key, flow.name, flow.key, run.version, run.name, run.tags, run.parameters,
    run.parent, run.parent_task_run, run.root,
    run.run_count, run.started, run.ended, run.next_start, run.expected_start, run.history,
    run.epoch, run.entrypoint, run.auto_resume, run.started_by
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

-- name: where roots_only in another order
-- Most runs are roots: an index of them would be sorted as a whole, where that of the order is read from its end.
+run.parent IS NULL

-- name: where may_resume
run.epoch < run.auto_resume

-- name: where started_after
run.start_order >= ? AND run.start_order < 9223372036854775807

-- name: where started_before
run.start_order < ?

-- name: where ended_after
run.end_order >= ? AND run.end_order < 9223372036854775807

-- name: where ended_before
run.end_order < ?

-- name: where duration_at_least
max(0, run.ended - run.started) >= ?

-- name: where duration_at_most
max(0, run.ended - run.started) <= ?

-- name: where parameter
-- First as a piece of the text, which is quick and lets through a little more than the exact question after it. What
-- Python writes need not be JSON: it may have a NaN in it.
CASE
    WHEN run.parameters IS NULL OR NOT ({has_piece}) THEN FALSE
    WHEN NOT json_valid(run.parameters)
        THEN max(instr(run.parameters, ? || ','), instr(run.parameters, ? || '}')) > 0
    ELSE EXISTS (
        SELECT 1 FROM json_each(run.parameters) AS argument, json_each('[' || ? || ']') AS wanted
        WHERE argument.key = ? AND argument.type = wanted.type AND argument.value IS wanted.value
    )
END

-- name: where text
{name} OR run.flow IN (SELECT id FROM flow WHERE {flow}) OR ({parameters})
OR ({tags} AND EXISTS (SELECT 1 FROM json_each(run.tags) AS tag WHERE {tag}))

-- name: contains
-- LIKE takes a quarter of the time of `instr(lower(…), …)`, but no text beyond a NUL.
{column} LIKE ? ESCAPE '!' OR (instr({column}, char(0)) > 0 AND instr(lower({column}), lower(?)) > 0)

-- name: has piece
{column} LIKE ? ESCAPE '!'

-- name: contains any
instr(lower({column}), lower(?)) > 0

-- name: where task_run text
instr(lower(task_run_name(run.key, run.flow_run, (SELECT name FROM task WHERE id = run.task), run.name)), lower(?)) > 0
OR run.task IN (SELECT id FROM task WHERE instr(lower(name), lower(?)) > 0)
OR instr(lower(run.call_preview), lower(?)) > 0

-- name: where state_names
run.state_name {any}

-- name: by_tag
-- In place of the table: from tag to run, and in that order.
FROM {table}_tag AS tagged CROSS JOIN {table} AS run ON run.key = tagged.run

-- name: where leading tag
tagged.tag = ?

-- name: where flow_run tag
run.key IN (SELECT run FROM flow_run_tag WHERE tag = ?)

-- name: where flow_run tag of each
EXISTS (SELECT 1 FROM flow_run_tag AS tagged WHERE tagged.tag = ? AND tagged.run = run.key)

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

-- name: where log serious
-- What the index of such lines says of itself, in the same words.
log.level >= 30

-- name: where log moment_after
log.moment >= ?

-- name: where log moment_before
log.moment < ?

-- name: where log number_from
log.number >= ?

-- name: where log number_before
log.number < ?

-- name: any
IN (SELECT value FROM json_each(?))

-- name: any_key
IN (
    WITH RECURSIVE place (at) AS (SELECT 1 UNION ALL SELECT at + 16 FROM place WHERE at + 16 < length(?))
    SELECT substr(?, at, 16) FROM place
)

-- name: flow
SELECT key, name, created, description, parameters FROM flow WHERE key = ?;

-- name: flows
SELECT key, name, created, description, parameters FROM flow WHERE name > ? ORDER BY name LIMIT ?;

-- name: flows_of_names
SELECT key, name, created, description, parameters FROM flow WHERE name > ? AND name IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?;

-- name: task_runs_by_state
-- By the number of the task, since numbers are sorted sooner than names.
SELECT task.name, run.state, run.state_name, count(*)
FROM task_run AS run LEFT JOIN task ON task.id = run.task
WHERE run.flow_run = ?
GROUP BY run.task, run.state, run.state_name;

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
    (SELECT count(*) FROM log) AS log_lines,
    (SELECT count(*) FROM artifact) AS artifacts;

-- name: dangling
SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2;
