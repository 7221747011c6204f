-- What is seen of many runs at once. `{where}` is the condition of a query, as `selecting.py` puts it together; `{way}`
-- the index to go along, where the query does not lead to fewer rows by itself.

-- name: pulse
SELECT (SELECT min(number) FROM log), (SELECT max(number) FROM log);

-- name: buckets of all
-- Each bucket has the first identifier in it, and the first one beyond it. A count for each bucket and state goes along
-- the index of states, without a sort of what is counted.
WITH RECURSIVE
    place (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM place WHERE at + 1 < ?),
    border (keys) AS (SELECT ?),
    code (number) AS (SELECT value FROM json_each(?)),
    bucket (number, first, beyond) AS (
        SELECT at, substr(keys, 1 + 16 * at, 16), substr(keys, 17 + 16 * at, 16) FROM border, place
    )
SELECT bucket.number, code.number, (
    SELECT count(*) FROM flow_run AS run INDEXED BY flow_run_by_state
    WHERE run.state = code.number AND run.key >= bucket.first AND run.key < bucket.beyond{where}
)
FROM bucket, code;

-- name: buckets of a few
WITH RECURSIVE
    place (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM place WHERE at + 1 < ?),
    border (keys) AS (SELECT ?),
    bucket (number, first, beyond) AS (
        SELECT at, substr(keys, 1 + 16 * at, 16), substr(keys, 17 + 16 * at, 16) FROM border, place
    )
SELECT bucket.number, run.state, count(*)
FROM bucket CROSS JOIN flow_run AS run{way}
WHERE run.key >= bucket.first AND run.key < bucket.beyond{where}
GROUP BY bucket.number, run.state;

-- name: states of all
WITH code (number) AS (SELECT value FROM json_each(?))
SELECT code.number, (
    SELECT count(*) FROM flow_run AS run INDEXED BY flow_run_by_state WHERE run.state = code.number{where}
)
FROM code;

-- name: states of a few
SELECT run.state, count(*) FROM flow_run AS run{way} WHERE TRUE{where} GROUP BY run.state;

-- name: names
SELECT run.state, run.state_name, count(*)
FROM flow_run AS run{way} WHERE run.state_name IS NOT NULL{where} GROUP BY run.state, run.state_name;

-- name: failed
SELECT key FROM flow_run INDEXED BY flow_run_by_failure
WHERE parent IS NULL AND state IN (4, 5) AND ended >= :since ORDER BY ended DESC, key DESC LIMIT :most;

-- name: count failed
SELECT count(*) FROM flow_run INDEXED BY flow_run_by_failure
WHERE parent IS NULL AND state IN (4, 5) AND ended >= :since;

-- name: running
SELECT key FROM flow_run INDEXED BY flow_run_by_state
WHERE state = 2 AND parent IS NULL AND EXISTS (SELECT 1 FROM held_run WHERE run = flow_run.key)
ORDER BY start_order, key LIMIT :most;

-- name: count running
SELECT count(*) FROM flow_run INDEXED BY flow_run_by_state
WHERE state = 2 AND parent IS NULL AND EXISTS (SELECT 1 FROM held_run WHERE run = flow_run.key);

-- name: late
SELECT key FROM flow_run INDEXED BY flow_run_by_state
WHERE state = 0 AND parent IS NULL AND ifnull(next_start, expected_start) < :at
ORDER BY ifnull(next_start, expected_start), key LIMIT :most;

-- name: count late
SELECT count(*) FROM flow_run INDEXED BY flow_run_by_state WHERE state = 0 AND parent IS NULL AND ifnull(next_start, expected_start) < :at;

-- name: stuck
SELECT key FROM flow_run INDEXED BY flow_run_by_state
WHERE state IN (1, 2, 7) AND parent IS NULL AND NOT EXISTS (SELECT 1 FROM held_run WHERE run = flow_run.key)
ORDER BY key LIMIT :most;

-- name: count stuck
SELECT count(*) FROM flow_run INDEXED BY flow_run_by_state
WHERE state IN (1, 2, 7) AND parent IS NULL AND NOT EXISTS (SELECT 1 FROM held_run WHERE run = flow_run.key);

-- name: flow of name
SELECT id, key, name, created, description, parameters FROM flow WHERE name = ?;

-- name: runs of flow
SELECT state, count(*), sum(max(0, ended - started)), count(ended - started)
FROM flow_run INDEXED BY flow_run_by_flow
WHERE flow = :flow AND key >= :first AND key < :beyond GROUP BY state;

-- name: median of flow
SELECT max(0, ended - started) FROM flow_run INDEXED BY flow_run_by_flow
WHERE flow = :flow AND key >= :first AND key < :beyond AND state = 3 AND started IS NOT NULL
ORDER BY 1 LIMIT 1 OFFSET :place;

-- name: last of flow
SELECT key, state, state_name, started, ended FROM flow_run WHERE flow = :flow ORDER BY key DESC LIMIT :last;

-- name: timeline
SELECT
    run.key, run.parent, task.name, run.flow_run, run.name, run.state, run.state_name,
    run.started, run.ended, run.next_start, run.run_count, run.child_flow_run, run.inputs
FROM task_run AS run JOIN task ON task.id = run.task
WHERE {of} = ? AND run.key > ?{chosen}
ORDER BY run.key LIMIT ?;

-- name: histories
SELECT key, history FROM task_run WHERE key {any} UNION ALL SELECT key, history FROM flow_run WHERE key {any};

-- name: flow runs of name
SELECT key FROM flow_run WHERE name >= :text AND name < :beyond ORDER BY key DESC LIMIT :most;

-- name: task runs of name
SELECT key FROM task_run WHERE name IS NOT NULL AND name >= :text AND name < :beyond ORDER BY key DESC LIMIT :most;

-- name: flow runs of key
SELECT key FROM flow_run WHERE key BETWEEN :first AND :last ORDER BY key DESC LIMIT :most;

-- name: task runs of key
SELECT key FROM task_run WHERE key BETWEEN :first AND :last ORDER BY key DESC LIMIT :most;

-- name: flows of text
SELECT key, name, created, description, parameters FROM flow WHERE instr(lower(name), lower(:text)) > 0 ORDER BY name LIMIT :most;

-- name: tasks of text
SELECT DISTINCT name FROM task WHERE instr(lower(name), lower(:text)) > 0 ORDER BY name LIMIT :most;

-- name: names of text
-- From name to name along the index, not through all its rows.
WITH RECURSIVE found (name) AS (
    SELECT min({name}) FROM {table} WHERE {name} >= :text AND {name} < :beyond
    UNION ALL
    SELECT (SELECT min({name}) FROM {table} WHERE {name} > found.name AND {name} < :beyond) FROM found
    WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL LIMIT :most;

-- name: serious
SELECT
    min(log.number), min(CASE WHEN log.level >= 40 THEN log.number END),
    count(*), count(CASE WHEN log.level >= 40 THEN 1 END)
FROM log{where};

-- name: place
SELECT log.number FROM log{where} ORDER BY log.number{direction} LIMIT 1 OFFSET ?;

-- name: held
SELECT held_run.process, held_run.run, held_run.cancel FROM held_run ORDER BY held_run.run;

-- name: claimed
SELECT owner, run FROM deferred_call WHERE owner IS NOT NULL ORDER BY run;
