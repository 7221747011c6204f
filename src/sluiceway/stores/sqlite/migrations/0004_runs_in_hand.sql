-- Runs outlive their processes: who has them in hand, what it takes to go on with them.

-- Processes that have runs in hand. One that was taken off this list may write no more: so the row is the fence.
CREATE TABLE process (
    key BLOB NOT NULL PRIMARY KEY,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    lock TEXT,  -- the file that the process keeps locked; where there is none, it prolongs `until`
    until INTEGER
) WITHOUT ROWID;

-- Unfinished runs that no other run has called: outermost flow runs, and task runs outside flows. A row goes when
-- its run has ended.
CREATE TABLE held_run (
    run BLOB NOT NULL PRIMARY KEY,
    process BLOB NOT NULL REFERENCES process (key),
    cancel INTEGER  -- since when it is to be cancelled
) WITHOUT ROWID;

CREATE INDEX held_run_by_process ON held_run (process);

-- How many times the run has been taken in hand again; where its flow is; how often it goes on by itself after a
-- crash; its arguments, pickled: here, or where they are, or why they are not stored.
ALTER TABLE flow_run ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE flow_run ADD COLUMN entrypoint TEXT;
ALTER TABLE flow_run ADD COLUMN auto_resume INTEGER;
ALTER TABLE flow_run ADD COLUMN call BLOB;
ALTER TABLE flow_run ADD COLUMN call_location TEXT;
ALTER TABLE flow_run ADD COLUMN call_why_not TEXT;

-- Which run a key that somebody chose for a call stands for.
CREATE TABLE chosen_key (
    flow TEXT NOT NULL,
    key TEXT NOT NULL,
    run BLOB NOT NULL,
    call_hash INTEGER NOT NULL,
    PRIMARY KEY (flow, key)
) WITHOUT ROWID;

CREATE INDEX chosen_key_by_run ON chosen_key (run);

CREATE INDEX flow_run_by_call_location ON flow_run (call_location) WHERE call_location IS NOT NULL;

-- Where flow runs were paused, and what they were told when they went on.
CREATE TABLE pause (
    run BLOB NOT NULL REFERENCES flow_run (key),
    key TEXT NOT NULL,
    until INTEGER NOT NULL,
    resumed INTEGER,
    answer TEXT,  -- JSON
    PRIMARY KEY (run, key)
) WITHOUT ROWID;

-- Task runs that completed in a transaction which has not been committed yet.
CREATE TABLE staged_run (
    run BLOB NOT NULL PRIMARY KEY REFERENCES task_run (key)
) WITHOUT ROWID;
