-- Calls that wait for a worker, or that a worker is in the midst of. A row goes when all is told of its run, so that
-- what a worker has left behind that died is known by its owner.
CREATE TABLE deferred_call (
    run BLOB NOT NULL PRIMARY KEY REFERENCES task_run (key),
    task INTEGER NOT NULL REFERENCES task (id),
    due INTEGER NOT NULL,
    waits INTEGER NOT NULL DEFAULT 0,  -- the number of its rows in deferred_wait, which triggers keep
    owner TEXT,
    claimed INTEGER,  -- when
    call BLOB NOT NULL
);

CREATE INDEX deferred_call_waiting ON deferred_call (task, due, run) WHERE owner IS NULL AND waits = 0;
CREATE INDEX deferred_call_claimed ON deferred_call (claimed, run) WHERE owner IS NOT NULL;

-- Deferred calls that others are still to end before.
CREATE TABLE deferred_wait (
    run BLOB NOT NULL REFERENCES deferred_call (run),
    upstream BLOB NOT NULL REFERENCES deferred_call (run),
    PRIMARY KEY (run, upstream)
) WITHOUT ROWID;

CREATE INDEX deferred_wait_by_upstream ON deferred_wait (upstream);

CREATE TRIGGER deferred_wait_begins AFTER INSERT ON deferred_wait
BEGIN
    UPDATE deferred_call SET waits = waits + 1 WHERE run = NEW.run;
END;

CREATE TRIGGER deferred_wait_ends AFTER DELETE ON deferred_wait
BEGIN
    UPDATE deferred_call SET waits = waits - 1 WHERE run = OLD.run;
END;
