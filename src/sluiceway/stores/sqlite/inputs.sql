-- Inputs of flow runs.

-- name: is_there
SELECT 1 FROM flow_run WHERE key = :run;

-- name: send
INSERT INTO flow_run_input (run, key, value, sender, sent, received, deleted)
SELECT :run, :key, :value, :sender, :sent, :received, :deleted
WHERE NOT EXISTS (SELECT 1 FROM flow_run_input WHERE run = :run AND key = :key AND deleted IN (0, :once))
RETURNING number;

-- name: one
SELECT run, key, value, sender, sent, received, deleted FROM flow_run_input
WHERE run = :run AND key = :key AND deleted = 0;

-- name: some
SELECT run, key, value, sender, sent, received, deleted FROM flow_run_input INDEXED BY flow_run_input_by_run
WHERE run = :run AND deleted = 0 AND substr(key, 1, length(:prefix)) = :prefix
    AND key NOT IN (SELECT value FROM json_each(:exclude))
ORDER BY number LIMIT :most;

-- name: all
SELECT run, key, value, sender, sent, received, deleted, number FROM flow_run_input
WHERE run = :run ORDER BY number;

-- name: delete
UPDATE flow_run_input SET deleted = 1, value = iif(received IS NULL, '', value)
WHERE run = :run AND key = :key AND deleted = 0 RETURNING 1;

-- name: reception
SELECT reception.moment, sent.run, sent.key, sent.value, sent.sender, sent.sent, sent.received, sent.deleted
FROM reception LEFT JOIN flow_run_input AS sent ON sent.number = reception.input
WHERE reception.run = :run AND reception.receiver = :receiver AND reception.place = :place;

-- name: waiting
SELECT number, run, key, value, sender, sent FROM flow_run_input INDEXED BY flow_run_input_waiting
WHERE run = :run AND received IS NULL AND deleted = 0
    AND (key = :prefix OR substr(key, 1, length(:prefix) + 1) = :prefix || '-')
    AND key NOT IN (SELECT value FROM json_each(:exclude))
ORDER BY number LIMIT 1;

-- name: receive
UPDATE flow_run_input SET received = :at WHERE number = :number;

-- name: note
INSERT INTO reception (run, receiver, place, input, moment) VALUES (:run, :receiver, :place, :number, :at);

-- name: receptions
SELECT receiver, place, input, moment FROM reception WHERE run = :run ORDER BY receiver, place;
