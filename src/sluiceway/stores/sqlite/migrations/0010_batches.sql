-- The last batch of facts that each remote process has sent, so that one which is sent again is not written twice.
CREATE TABLE batch (
    stream BLOB NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    written INTEGER NOT NULL
) WITHOUT ROWID;
