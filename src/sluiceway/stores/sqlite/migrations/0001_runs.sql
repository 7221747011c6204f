-- Flows, runs, their states and results, and what they logged.
--
-- Identifiers are 16 bytes in the order of time, moments are microseconds since 1970 (UTC), and states are
-- the codes of `model/states.py`. `history` and `inputs` are packed as `packing.py` tells.

-- Names that many rows repeat, by number. Writing processes remember the numbers: never delete a row here.
CREATE TABLE flow (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL
);

CREATE TABLE task (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    UNIQUE (name, key)
);

CREATE TABLE logger (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE flow_run (
    key BLOB NOT NULL PRIMARY KEY,
    flow INTEGER NOT NULL REFERENCES flow (id),
    state INTEGER NOT NULL,
    state_name TEXT,  -- where it is not that of the type
    run_count INTEGER NOT NULL,
    name TEXT NOT NULL,
    version TEXT,
    parent BLOB REFERENCES flow_run (key),
    parent_task_run BLOB REFERENCES task_run (key),
    root BLOB REFERENCES flow_run (key),  -- where it is another run
    started INTEGER,
    ended INTEGER,
    next_start INTEGER,
    expected_start INTEGER,
    tags TEXT,  -- a JSON array
    history BLOB NOT NULL,
    result_serializer TEXT,  -- where it is not pickle
    result_size INTEGER,  -- where the bytes are elsewhere
    result_location TEXT,
    result_why_not TEXT,
    result_preview TEXT,
    result BLOB,
    parameters TEXT,  -- a JSON object
    -- For the orders of lists: what has not happened yet is later than all that has.
    start_order INTEGER AS (ifnull(started, 9223372036854775807)),
    end_order INTEGER AS (ifnull(ended, 9223372036854775807))
) WITHOUT ROWID;

CREATE INDEX flow_run_by_flow ON flow_run (flow, key);
CREATE INDEX flow_run_by_state ON flow_run (state, key);
CREATE INDEX flow_run_by_state_name ON flow_run (state_name, key) WHERE state_name IS NOT NULL;
CREATE INDEX flow_run_by_name ON flow_run (name, key);
CREATE INDEX flow_run_by_parent ON flow_run (parent, key);
CREATE INDEX flow_run_by_start ON flow_run (start_order, key);
CREATE INDEX flow_run_by_end ON flow_run (end_order, key);

CREATE TABLE flow_run_tag (
    tag TEXT NOT NULL,
    run BLOB NOT NULL REFERENCES flow_run (key),
    PRIMARY KEY (tag, run)
) WITHOUT ROWID;

-- The table that grows: each index on it costs every task run about 30 bytes and a microsecond.
CREATE TABLE task_run (
    key BLOB NOT NULL PRIMARY KEY,
    flow_run BLOB REFERENCES flow_run (key),
    task INTEGER NOT NULL REFERENCES task (id),
    state INTEGER NOT NULL,
    state_name TEXT,  -- where it is not that of the type
    run_count INTEGER NOT NULL,
    call_hash INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    parent BLOB REFERENCES task_run (key),
    child_flow_run BLOB REFERENCES flow_run (key),
    name TEXT,  -- where it was given
    started INTEGER,
    ended INTEGER,
    next_start INTEGER,
    tags TEXT,  -- a JSON array
    cache_key TEXT,
    call_preview TEXT,
    history BLOB NOT NULL,
    result_serializer TEXT,  -- where it is not pickle
    result_size INTEGER,  -- where the bytes are elsewhere
    result_location TEXT,
    result_why_not TEXT,
    result_preview TEXT,
    inputs BLOB,
    result BLOB,
    start_order INTEGER AS (ifnull(started, 9223372036854775807)),
    end_order INTEGER AS (ifnull(ended, 9223372036854775807))
) WITHOUT ROWID;

CREATE INDEX task_run_by_flow_run ON task_run (flow_run, key);
CREATE INDEX task_run_by_state ON task_run (state, key) WHERE state <> 3;  -- all but completed ones
CREATE INDEX task_run_by_state_name ON task_run (state_name, key) WHERE state_name IS NOT NULL;
CREATE INDEX task_run_by_name ON task_run (name, key) WHERE name IS NOT NULL;

CREATE TABLE task_run_tag (
    tag TEXT NOT NULL,
    run BLOB NOT NULL REFERENCES task_run (key),
    PRIMARY KEY (tag, run)
) WITHOUT ROWID;

CREATE TABLE cached_result (
    key TEXT NOT NULL PRIMARY KEY,
    created INTEGER NOT NULL,
    expires INTEGER,
    result_serializer TEXT,
    result_size INTEGER,
    result_location TEXT,
    result_why_not TEXT,
    result_preview TEXT,
    result BLOB
) WITHOUT ROWID;

CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    flow_run BLOB REFERENCES flow_run (key),
    task_run BLOB REFERENCES task_run (key),
    moment INTEGER NOT NULL,
    level INTEGER NOT NULL,
    logger INTEGER NOT NULL REFERENCES logger (id),
    message TEXT NOT NULL
);

CREATE INDEX log_by_flow_run ON log (flow_run) WHERE flow_run IS NOT NULL;
CREATE INDEX log_by_task_run ON log (task_run) WHERE task_run IS NOT NULL;
