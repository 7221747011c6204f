-- Deferred calls change hands here; they come about and end in `writing.sql`.

-- name: tasks
SELECT id FROM task WHERE key IN (SELECT value FROM json_each(?));

-- name: waiting
SELECT due, run FROM deferred_call
WHERE task = ? AND due <= ? AND owner IS NULL AND waits = 0
ORDER BY due, run LIMIT ?;

-- name: claim
UPDATE deferred_call SET owner = ?, claimed = ? WHERE run = ? RETURNING run, call;

-- name: release
UPDATE deferred_call SET owner = NULL, claimed = NULL WHERE run = ? AND owner = ?;

-- name: waiting_by_task
SELECT task.key, count(*)
FROM deferred_call AS call JOIN task ON task.id = call.task
WHERE call.owner IS NULL
GROUP BY task.key;

-- name: claims
SELECT call.run, task.key, call.owner, call.claimed
FROM deferred_call AS call JOIN task ON task.id = call.task
WHERE call.owner IS NOT NULL
ORDER BY call.claimed, call.run;

-- name: lock_owner
SELECT owner FROM held_lock WHERE key = :key AND until > :at;

-- name: claim_lock
INSERT INTO held_lock (key, owner, until) VALUES (:key, :owner, :until)
ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE owner = excluded.owner OR until <= :at
RETURNING 1;

-- name: release_lock
DELETE FROM held_lock WHERE key = :key AND owner = :owner AND until > :at RETURNING 1;
