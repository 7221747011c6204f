-- What is kept beside runs: artifacts, variables and sealed secrets.

-- All versions of a key are rows; the latest is found along the index. The data comes last, since it may be large:
-- a list that does not ask for it reads none of its pages.
CREATE TABLE artifact (
    id BLOB NOT NULL PRIMARY KEY,
    key TEXT,
    type TEXT,
    description TEXT,
    metadata TEXT,  -- a JSON object
    flow_run BLOB REFERENCES flow_run (key),
    task_run BLOB REFERENCES task_run (key),
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    size INTEGER NOT NULL,
    data TEXT  -- JSON
);

CREATE INDEX artifact_by_key ON artifact (key, id) WHERE key IS NOT NULL;
CREATE INDEX artifact_by_type ON artifact (type, id) WHERE type IS NOT NULL;
CREATE INDEX artifact_by_flow_run ON artifact (flow_run, id) WHERE flow_run IS NOT NULL;
CREATE INDEX artifact_by_task_run ON artifact (task_run, id) WHERE task_run IS NOT NULL;

CREATE TABLE variable (
    name TEXT NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    tags TEXT NOT NULL,  -- a JSON array
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    value TEXT NOT NULL  -- JSON
);

CREATE TABLE variable_tag (
    tag TEXT NOT NULL,
    name TEXT NOT NULL REFERENCES variable (name),
    PRIMARY KEY (tag, name)
) WITHOUT ROWID;

CREATE INDEX variable_tag_by_name ON variable_tag (name);

CREATE TABLE secret (
    name TEXT NOT NULL PRIMARY KEY,
    id BLOB NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    sealed BLOB NOT NULL
);
