-- How many may do something at once.
CREATE TABLE slot_limit (
    name TEXT NOT NULL PRIMARY KEY,
    key BLOB NOT NULL,
    slots INTEGER NOT NULL CHECK (slots > 0),
    active INTEGER NOT NULL,
    decay REAL NOT NULL  -- slots that come free in a second by themselves; 0 for none
) WITHOUT ROWID;

-- Slots that somebody has, until a time that the holder puts off while it lives; those that decay are not put off.
-- How many of a limit are taken is the sum over its rows that are not past their time: nobody counts.
-- The limit goes by its name, since it may be deleted, and made again, while slots are taken.
CREATE TABLE held_slot (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    occupy INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    decays INTEGER NOT NULL,
    holder TEXT,
    process TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;

CREATE INDEX held_slot_by_name ON held_slot (name, until, occupy);
CREATE INDEX held_slot_by_end ON held_slot (until);

-- Places in line, for as long as who waits puts off the time.
CREATE TABLE slot_ticket (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    number INTEGER NOT NULL,  -- the same for all limits that an owner waits for; who came later has a higher one
    occupy INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    holder TEXT,
    process TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;

CREATE INDEX slot_ticket_by_name ON slot_ticket (name, number, until, occupy);
CREATE INDEX slot_ticket_by_number ON slot_ticket (number);
CREATE INDEX slot_ticket_by_end ON slot_ticket (until);
