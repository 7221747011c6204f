-- What is sent to flow runs, in the order in which it came. A row goes when its run does.
CREATE TABLE flow_run_input (
    number INTEGER NOT NULL PRIMARY KEY,
    run BLOB NOT NULL REFERENCES flow_run (key),
    key TEXT NOT NULL,
    value TEXT NOT NULL,  -- JSON
    sender TEXT,
    sent INTEGER NOT NULL,
    received INTEGER,  -- when somebody received it
    deleted INTEGER NOT NULL DEFAULT 0  -- shown no more; kept for a run that received it, and goes on
);

CREATE INDEX flow_run_input_by_key ON flow_run_input (run, key, deleted);
CREATE INDEX flow_run_input_by_run ON flow_run_input (run, number);
CREATE INDEX flow_run_input_waiting ON flow_run_input (run, number) WHERE received IS NULL AND deleted = 0;

-- What calls came to that receive an input: a run that goes on comes by again, and gets the same.
CREATE TABLE reception (
    run BLOB NOT NULL REFERENCES flow_run (key),  -- whose input it is
    receiver BLOB NOT NULL,  -- the flow run or task run that made the call
    place TEXT NOT NULL,  -- what tells the call from others of the receiver
    input INTEGER REFERENCES flow_run_input (number),  -- none came in time, where there is none
    moment INTEGER NOT NULL,
    PRIMARY KEY (run, receiver, place)
) WITHOUT ROWID;
