-- Removing runs. What a step removes is first listed in temporary tables, without a lock on the database;
-- then each statement below does its part for all of it, so that the transaction is short.

-- name: prepare flow runs
CREATE TEMP TABLE doomed_flow_run (key BLOB NOT NULL PRIMARY KEY, weight INTEGER NOT NULL) WITHOUT ROWID;

-- name: prepare task runs
CREATE TEMP TABLE doomed_task_run (key BLOB NOT NULL PRIMARY KEY, weight INTEGER NOT NULL) WITHOUT ROWID;

-- name: prepare lines
CREATE TEMP TABLE doomed_line (number INTEGER PRIMARY KEY, weight INTEGER NOT NULL);

-- name: prepare artifacts
CREATE TEMP TABLE doomed_artifact (id BLOB NOT NULL PRIMARY KEY, weight INTEGER NOT NULL) WITHOUT ROWID;

-- name: roots
-- No run has ended before it was created, so those that were created later are not gone through. A task run that
-- could not start (`NotReady`) has no end; its age is that of its identifier.
SELECT key, ended, of_flow FROM (
    SELECT * FROM (
        SELECT run.key, max(run.ended, ifnull(imported.moment, run.ended)) AS ended, 1 AS of_flow
        FROM flow_run AS run LEFT JOIN imported_run AS imported ON imported.run = run.key
        WHERE run.parent IS NULL AND run.key > :after AND run.key < :first_key
            AND run.ended < :before AND ifnull(imported.moment, run.ended) < :before
        ORDER BY run.key LIMIT :most
    )
    UNION ALL
    SELECT * FROM (
        SELECT run.key, run.ended, 0
        FROM task_run AS run
        WHERE run.flow_run IS NULL AND run.key > :after AND run.key < :first_key AND run.parent IS NULL
            AND (run.ended < :before OR run.state_name = 'NotReady')
        ORDER BY run.key LIMIT :most
    )
)
ORDER BY key LIMIT :most;

-- name: flow tree
-- The deepest first. A root that is none, or is not there, has no tree.
WITH RECURSIVE tree (key, state, depth) AS (
    SELECT key, state, 0 FROM flow_run WHERE key = :root AND parent IS NULL
    UNION ALL
    SELECT run.key, run.state, tree.depth + 1 FROM tree JOIN flow_run AS run ON run.parent = tree.key
)
SELECT key FROM tree ORDER BY depth DESC LIMIT :most;

-- name: task tree
WITH RECURSIVE tree (key, depth) AS (
    SELECT key, 0 FROM task_run WHERE key = :root AND flow_run IS NULL AND parent IS NULL
    UNION ALL
    SELECT run.key, tree.depth + 1 FROM tree JOIN task_run AS run ON run.parent = tree.key AND run.flow_run IS NULL
)
SELECT key FROM tree ORDER BY depth DESC LIMIT :most;

-- name: size of flow tree
WITH RECURSIVE tree (key) AS (
    SELECT key FROM flow_run WHERE key = :root AND parent IS NULL
    UNION ALL
    SELECT run.key FROM tree JOIN flow_run AS run ON run.parent = tree.key
)
SELECT count(*), ifnull(sum((SELECT count(*) FROM task_run WHERE flow_run = tree.key)), 0) FROM tree;

-- name: size of task tree
WITH RECURSIVE tree (key) AS (
    SELECT key FROM task_run WHERE key = :root AND flow_run IS NULL AND parent IS NULL
    UNION ALL
    SELECT run.key FROM tree JOIN task_run AS run ON run.parent = tree.key AND run.flow_run IS NULL
)
SELECT 0, count(*) FROM tree;

-- name: unfinished in flow tree
-- States 3 to 6 are final. Few task runs are in another one, so they are gone through, not those of the tree.
WITH RECURSIVE tree (key, state) AS (
    SELECT key, state FROM flow_run WHERE key = :root AND parent IS NULL
    UNION ALL
    SELECT run.key, run.state FROM tree JOIN flow_run AS run ON run.parent = tree.key
)
SELECT * FROM (
    SELECT key FROM tree WHERE state NOT BETWEEN 3 AND 6
    UNION ALL
    SELECT key FROM task_run INDEXED BY task_run_by_state
    WHERE state IN (0, 1, 2, 7, 8) AND state <> 3 AND state_name IS NOT 'NotReady'
        AND flow_run IN (SELECT key FROM tree)
) LIMIT 1;

-- name: unfinished in task tree
WITH RECURSIVE tree (key, state, state_name) AS (
    SELECT key, state, state_name FROM task_run WHERE key = :root AND flow_run IS NULL AND parent IS NULL
    UNION ALL
    SELECT run.key, run.state, run.state_name
    FROM tree JOIN task_run AS run ON run.parent = tree.key AND run.flow_run IS NULL
)
SELECT key FROM tree WHERE state NOT BETWEEN 3 AND 6 AND state_name IS NOT 'NotReady' LIMIT 1;

-- name: doom lines of flow run
-- What is listed has a weight: one for the row, and one for each page that its large columns fill. At least one
-- row is listed, whatever it weighs.
INSERT INTO doomed_line
SELECT number, weight FROM (
    SELECT number, weight, sum(weight) OVER (ORDER BY number) AS total, row_number() OVER (ORDER BY number) AS place
    FROM (SELECT number, 1 + length(message) / 4096 AS weight FROM log WHERE flow_run = :key ORDER BY number LIMIT :most)
)
WHERE total <= :most OR place = 1;

-- name: doom lines of task run
INSERT INTO doomed_line
SELECT number, weight FROM (
    SELECT number, weight, sum(weight) OVER (ORDER BY number) AS total, row_number() OVER (ORDER BY number) AS place
    FROM (SELECT number, 1 + length(message) / 4096 AS weight FROM log WHERE task_run = :key ORDER BY number LIMIT :most)
)
WHERE total <= :most OR place = 1;

-- name: doom artifacts of flow run
INSERT INTO doomed_artifact
SELECT id, weight FROM (
    SELECT id, weight, sum(weight) OVER (ORDER BY id) AS total, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id, 1 + size / 4096 AS weight FROM artifact WHERE flow_run = :key ORDER BY id LIMIT :most)
)
WHERE total <= :most OR place = 1;

-- name: doom artifacts of task run
INSERT INTO doomed_artifact
SELECT id, weight FROM (
    SELECT id, weight, sum(weight) OVER (ORDER BY id) AS total, row_number() OVER (ORDER BY id) AS place
    FROM (SELECT id, 1 + size / 4096 AS weight FROM artifact WHERE task_run = :key ORDER BY id LIMIT :most)
)
WHERE total <= :most OR place = 1;

-- name: doom task runs of flow run
-- The newest first, so that callers go after those that they called.
INSERT INTO doomed_task_run
SELECT key, weight FROM (
    SELECT key, weight, sum(weight) OVER (ORDER BY key DESC) AS total, row_number() OVER (ORDER BY key DESC) AS place
    FROM (
        SELECT key, 1 + ifnull(length(result), 0) / 4096 AS weight
        FROM task_run WHERE flow_run = :key ORDER BY key DESC LIMIT :most
    )
)
WHERE total <= :most OR place = 1;

-- name: doom task run
INSERT INTO doomed_task_run SELECT key, 1 + ifnull(length(result), 0) / 4096 FROM task_run WHERE key = :key;

-- name: doom flow run
INSERT INTO doomed_flow_run
SELECT key, 1 + (ifnull(length(result), 0) + ifnull(length(parameters), 0) + ifnull(length(call), 0)) / 4096
    + (SELECT ifnull(sum(1 + length(value) / 4096), 0) FROM flow_run_input WHERE run = :key)
FROM flow_run WHERE key = :key;

-- name: lines of flow run
SELECT count(*) FROM (SELECT 1 FROM log WHERE flow_run = :key LIMIT :most);

-- name: lines of task run
SELECT count(*) FROM (SELECT 1 FROM log WHERE task_run = :key LIMIT :most);

-- name: artifacts of flow run
SELECT count(*) FROM (SELECT 1 FROM artifact WHERE flow_run = :key LIMIT :most);

-- name: artifacts of task run
SELECT count(*) FROM (SELECT 1 FROM artifact WHERE task_run = :key LIMIT :most);

-- name: task runs of flow run
SELECT count(*) FROM (SELECT 1 FROM task_run WHERE flow_run = :key LIMIT :most);

-- name: weight
SELECT
    (SELECT ifnull(sum(weight), 0) FROM doomed_flow_run)
    + (SELECT ifnull(sum(weight), 0) FROM doomed_task_run)
    + (SELECT ifnull(sum(weight), 0) FROM doomed_line)
    + (SELECT ifnull(sum(weight), 0) FROM doomed_artifact);

-- name: spare flow runs
DELETE FROM doomed_flow_run;

-- name: spare task runs
DELETE FROM doomed_task_run;

-- name: spare lines
DELETE FROM doomed_line;

-- name: spare artifacts
DELETE FROM doomed_artifact;

-- name: doomed but unfinished
-- Looked at once more in the transaction: a run may go on that had ended.
SELECT 1 FROM doomed_flow_run AS doomed CROSS JOIN flow_run AS run ON run.key = doomed.key
WHERE run.state NOT BETWEEN 3 AND 6
UNION ALL
SELECT 1 FROM doomed_task_run AS doomed CROSS JOIN task_run AS run ON run.key = doomed.key
WHERE run.state NOT BETWEEN 3 AND 6 AND run.state_name IS NOT 'NotReady'
LIMIT 1;

-- name: note results of doomed
INSERT INTO unreferenced_result (location, since)
SELECT run.result_location, :at FROM doomed_task_run AS doomed CROSS JOIN task_run AS run ON run.key = doomed.key
WHERE run.result_location IS NOT NULL
UNION
SELECT run.result_location, :at FROM doomed_flow_run AS doomed CROSS JOIN flow_run AS run ON run.key = doomed.key
WHERE run.result_location IS NOT NULL
UNION
SELECT run.call_location, :at FROM doomed_flow_run AS doomed CROSS JOIN flow_run AS run ON run.key = doomed.key
WHERE run.call_location IS NOT NULL
ON CONFLICT (location) DO UPDATE SET since = excluded.since;

-- name: remove waits
DELETE FROM deferred_wait WHERE run IN (SELECT key FROM doomed_task_run);

-- name: remove waits for
DELETE FROM deferred_wait WHERE upstream IN (SELECT key FROM doomed_task_run);

-- name: remove calls
DELETE FROM deferred_call WHERE run IN (SELECT key FROM doomed_task_run);

-- name: remove task run tags
DELETE FROM task_run_tag WHERE (tag, run) IN (
    SELECT tag.value, run.key
    FROM doomed_task_run AS doomed CROSS JOIN task_run AS run ON run.key = doomed.key, json_each(run.tags) AS tag
    WHERE run.tags IS NOT NULL
);

-- name: remove flow run tags
DELETE FROM flow_run_tag WHERE (tag, run) IN (
    SELECT tag.value, run.key
    FROM doomed_flow_run AS doomed CROSS JOIN flow_run AS run ON run.key = doomed.key, json_each(run.tags) AS tag
    WHERE run.tags IS NOT NULL
);

-- name: remove lines
DELETE FROM log WHERE number IN (SELECT number FROM doomed_line);

-- name: remove lines of task runs
-- Most have gone with the lines of their flow run; here go those that name none.
DELETE FROM log WHERE task_run IN (SELECT key FROM doomed_task_run);

-- name: remove artifacts
DELETE FROM artifact WHERE id IN (SELECT id FROM doomed_artifact);

-- name: remove artifacts of task runs
-- Those that name no flow run.
DELETE FROM artifact WHERE task_run IN (SELECT key FROM doomed_task_run);

-- name: remove task runs
DELETE FROM task_run WHERE key IN (SELECT key FROM doomed_task_run);

-- name: part from parents
-- A task run that stands for a flow run may go in a later step than that.
UPDATE task_run SET child_flow_run = NULL WHERE key IN (
    SELECT run.parent_task_run
    FROM doomed_flow_run AS doomed CROSS JOIN flow_run AS run ON run.key = doomed.key
    WHERE run.parent_task_run IS NOT NULL
);

-- name: remove imports
DELETE FROM imported_run WHERE run IN (SELECT key FROM doomed_flow_run);

-- name: remove pauses
DELETE FROM pause WHERE run IN (SELECT key FROM doomed_flow_run);

-- name: remove receptions
DELETE FROM reception WHERE run IN (SELECT key FROM doomed_flow_run);

-- name: remove inputs
DELETE FROM flow_run_input WHERE run IN (SELECT key FROM doomed_flow_run);

-- name: remove keys
DELETE FROM chosen_key WHERE run IN (SELECT key FROM doomed_flow_run);

-- name: remove staged
DELETE FROM staged_run WHERE run IN (SELECT key FROM doomed_task_run);

-- name: remove flow runs
DELETE FROM flow_run WHERE key IN (SELECT key FROM doomed_flow_run);

-- name: is there
SELECT 1 FROM flow_run WHERE key = :key UNION ALL SELECT 1 FROM task_run WHERE key = :key;

-- name: expired
SELECT key FROM (
    SELECT key, sum(1 + ifnull(length(result), 0) / 4096) OVER (ORDER BY expires, key) AS weight,
        row_number() OVER (ORDER BY expires, key) AS place
    FROM (SELECT key, expires, result FROM cached_result WHERE expires <= :at ORDER BY expires, key LIMIT :most)
)
WHERE weight <= :most OR place = 1;

-- name: note results of expired
INSERT INTO unreferenced_result (location, since)
SELECT result_location, :at FROM cached_result
WHERE key IN (SELECT value FROM json_each(:keys)) AND expires <= :at AND result_location IS NOT NULL
ON CONFLICT (location) DO UPDATE SET since = excluded.since;

-- name: remove expired
DELETE FROM cached_result WHERE key IN (SELECT value FROM json_each(:keys)) AND expires <= :at;

-- name: let go
SELECT location,
    EXISTS (SELECT 1 FROM task_run WHERE result_location = noted.location)
    OR EXISTS (SELECT 1 FROM flow_run WHERE result_location = noted.location)
    OR EXISTS (SELECT 1 FROM flow_run WHERE call_location = noted.location)
    OR EXISTS (SELECT 1 FROM cached_result WHERE result_location = noted.location)
FROM unreferenced_result AS noted
WHERE location > :after AND since < :before
ORDER BY location LIMIT :most;

-- name: note
INSERT INTO unreferenced_result (location, since) VALUES (:location, :at)
ON CONFLICT (location) DO UPDATE SET since = excluded.since;

-- name: forget
DELETE FROM unreferenced_result WHERE location = :location AND since < :before;

-- name: identity
SELECT identity FROM journal;

-- name: flow run count
SELECT count(*) FROM flow_run WHERE parent IS NULL;

-- name: task run count
SELECT count(*) FROM task_run;

-- name: used bytes
SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size;

-- name: free bytes
SELECT freelist_count * page_size FROM pragma_freelist_count, pragma_page_size;

-- name: cached bytes
SELECT ifnull(sum(length(result)), 0) FROM cached_result;

-- name: row bytes
SELECT schema.tbl_name, sum(page.pgsize)
FROM sqlite_schema AS schema JOIN dbstat AS page ON page.name = schema.name AND page.aggregate = TRUE
GROUP BY schema.tbl_name;

-- name: oldest and newest
SELECT min(key), max(key) FROM flow_run;

-- name: stored results
SELECT count(*), ifnull(sum(size), 0) FROM (
    SELECT location, max(size) AS size FROM (
        SELECT result_location AS location, result_size AS size FROM task_run WHERE result_location IS NOT NULL
        UNION ALL
        SELECT result_location, result_size FROM flow_run WHERE result_location IS NOT NULL
        UNION ALL
        SELECT call_location, 0 FROM flow_run WHERE call_location IS NOT NULL
        UNION ALL
        SELECT result_location, result_size FROM cached_result WHERE result_location IS NOT NULL
    ) GROUP BY location
);

-- name: note import
INSERT INTO imported_run (run, moment) VALUES (:key, :at);
