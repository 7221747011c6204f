-- Limits, and who has or awaits their slots.

-- name: limits
SELECT key, name, slots, active, decay FROM slot_limit ORDER BY name;

-- name: limits_by_name
SELECT key, name, slots, active, decay FROM slot_limit
WHERE name IN (SELECT value FROM json_each(?)) ORDER BY name;

-- name: create_limit
INSERT INTO slot_limit (key, name, slots, active, decay) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO NOTHING
RETURNING 1;

-- name: change_limit
UPDATE OR IGNORE slot_limit SET name = :new, slots = :slots, active = :active, decay = :decay WHERE name = :name
RETURNING 1;

-- name: rename_held
UPDATE OR REPLACE held_slot SET name = :new WHERE name = :name;

-- name: rename_tickets
UPDATE OR REPLACE slot_ticket SET name = :new WHERE name = :name;

-- name: delete_limit
DELETE FROM slot_limit WHERE name = ? RETURNING 1;

-- name: place
SELECT 0 FROM held_slot WHERE owner = :owner AND until > :at
UNION ALL SELECT number FROM slot_ticket WHERE owner = :owner AND until > :at
LIMIT 1;

-- name: held
SELECT ifnull(sum(occupy), 0), ifnull(max(until), :at) FROM held_slot
WHERE name = :name AND until > :at AND owner <> :owner;

-- name: ahead
SELECT ifnull(sum(occupy), 0), count(*) FROM slot_ticket
WHERE name = :name AND number < :number AND until > :at;

-- name: forget_held
DELETE FROM held_slot WHERE until <= ?;

-- name: forget_tickets
DELETE FROM slot_ticket WHERE until <= ?;

-- name: next_number
SELECT ifnull(max(number), 0) + 1 FROM slot_ticket;

-- name: hold
INSERT INTO held_slot (owner, name, occupy, since, until, decays, holder, process) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: queue
INSERT INTO slot_ticket (owner, name, number, occupy, since, until, holder, process) VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: prolong_held
UPDATE held_slot SET until = :until WHERE owner = :owner AND until > :at AND NOT decays;

-- name: prolong_ticket
UPDATE slot_ticket SET until = :until WHERE owner = :owner AND until > :at;

-- name: release
DELETE FROM held_slot WHERE owner = :owner RETURNING until > :at;

-- name: give_up
DELETE FROM slot_ticket WHERE owner = :owner;

-- name: holders
SELECT name, owner, occupy, since, until, holder, process, 0, decays FROM held_slot
WHERE until > :at AND name = ifnull(:name, name)
ORDER BY name, since, owner;

-- name: waiters
SELECT name, owner, occupy, since, until, holder, process, 1, 0 FROM slot_ticket
WHERE until > :at AND name = ifnull(:name, name)
ORDER BY name, number;
