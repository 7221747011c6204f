-- Artifacts, variables and sealed secrets. Lists of artifacts are put together from parts, as those of runs are.

-- name: artifact
SELECT
    artifact.id, artifact.key, artifact.type, {data}, artifact.description, artifact.metadata,
    artifact.flow_run, artifact.task_run, artifact.created, artifact.updated, artifact.size
FROM artifact

-- name: latest
-- From key to key along the index, however many versions there are of each.
WITH RECURSIVE place (key) AS (
    SELECT min(key) FROM artifact WHERE key > ?
    UNION ALL
    SELECT (SELECT min(key) FROM artifact WHERE key > place.key) FROM place WHERE place.key IS NOT NULL
)
SELECT
    artifact.id, artifact.key, artifact.type, {data}, artifact.description, artifact.metadata,
    artifact.flow_run, artifact.task_run, artifact.created, artifact.updated, artifact.size
FROM place CROSS JOIN artifact ON artifact.id = (SELECT max(id) FROM artifact AS version WHERE version.key = place.key)

-- name: where ids
artifact.id {any}

-- name: where keys
artifact.key {any}

-- name: where types
artifact.type {any}

-- name: where flow_run_keys
artifact.flow_run {any}

-- name: where task_run_keys
artifact.task_run {any}

-- name: where created_after
artifact.id >= ?

-- name: where created_before
artifact.id < ?

-- name: any
IN (SELECT value FROM json_each(?))

-- name: any_key
IN (
    WITH RECURSIVE place (at) AS (SELECT 1 UNION ALL SELECT at + 16 FROM place WHERE at + 16 < length(?))
    SELECT substr(?, at, 16) FROM place
)

-- name: delete_artifact
DELETE FROM artifact WHERE id = ? RETURNING id;

-- name: create_variable
INSERT INTO variable (id, name, value, tags, created, updated) VALUES (:id, :name, :value, :tags, :created, :updated)
ON CONFLICT (name) DO NOTHING RETURNING id;

-- name: set_variable
INSERT INTO variable (id, name, value, tags, created, updated) VALUES (:id, :name, :value, :tags, :created, :updated)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, tags = excluded.tags, updated = excluded.updated
RETURNING id;

-- name: tag_variable
INSERT OR IGNORE INTO variable_tag (tag, name) VALUES (?, ?);

-- name: untag_variable
DELETE FROM variable_tag WHERE name = ?;

-- name: variable
SELECT id, name, value, tags, created, updated FROM variable WHERE name = ?;

-- name: variables
SELECT id, name, value, tags, created, updated FROM variable WHERE name > ? ORDER BY name LIMIT ?;

-- name: variables_of_names
SELECT id, name, value, tags, created, updated FROM variable
WHERE name > ? AND name IN (SELECT value FROM json_each(?)) ORDER BY name LIMIT ?;

-- name: names_of_tags
-- Those that have all of the tags.
SELECT name FROM variable_tag WHERE tag IN (SELECT value FROM json_each(:tags))
GROUP BY name HAVING count(*) = :count;

-- name: delete_variable
DELETE FROM variable WHERE name = ? RETURNING id;

-- name: create_secret
INSERT INTO secret (id, name, sealed, created, updated) VALUES (:id, :name, :sealed, :created, :updated)
ON CONFLICT (name) DO NOTHING RETURNING id;

-- name: set_secret
INSERT INTO secret (id, name, sealed, created, updated) VALUES (:id, :name, :sealed, :created, :updated)
ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, updated = excluded.updated
RETURNING id;

-- name: secret
SELECT id, name, sealed, created, updated FROM secret WHERE name = ?;

-- name: secrets
SELECT id, name, sealed, created, updated FROM secret WHERE name > ? ORDER BY name LIMIT ?;

-- name: delete_secret
DELETE FROM secret WHERE name = ? RETURNING id;
