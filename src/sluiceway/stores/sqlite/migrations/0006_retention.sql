-- What removing old runs, and taking runs from journal to journal, needs to know.

-- What tells this journal from all others: its results are in a folder of this name, so that no other journal
-- refers to them.
CREATE TABLE journal (
    identity TEXT NOT NULL
);

INSERT INTO journal (identity) VALUES (lower(hex(randomblob(8))));

-- Runs that came from another journal: they are old, but here since then.
CREATE TABLE imported_run (
    run BLOB NOT NULL PRIMARY KEY REFERENCES flow_run (key),
    moment INTEGER NOT NULL
) WITHOUT ROWID;

-- Places in result storage to which something referred that is gone, until it is known whether anything else does.
CREATE TABLE unreferenced_result (
    location TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER cached_result_replaced AFTER UPDATE OF result_location ON cached_result
WHEN OLD.result_location IS NOT NULL AND OLD.result_location IS NOT NEW.result_location
BEGIN
    -- No INSERT OR REPLACE: the statement that sets a trigger off decides about conflicts in it, too.
    DELETE FROM unreferenced_result WHERE location = OLD.result_location;
    INSERT INTO unreferenced_result (location, since) VALUES (OLD.result_location, NEW.created);
END;

-- None of these costs a plain task run anything: its result is in its row, and it has no caller outside flows.
CREATE INDEX flow_run_by_location ON flow_run (result_location) WHERE result_location IS NOT NULL;
CREATE INDEX task_run_by_location ON task_run (result_location) WHERE result_location IS NOT NULL;
CREATE INDEX cached_result_by_location ON cached_result (result_location) WHERE result_location IS NOT NULL;
CREATE INDEX cached_result_by_expiry ON cached_result (expires, key) WHERE expires IS NOT NULL;
CREATE INDEX task_run_by_caller ON task_run (parent) WHERE parent IS NOT NULL AND flow_run IS NULL;
