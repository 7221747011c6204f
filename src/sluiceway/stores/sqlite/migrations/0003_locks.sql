-- Locks that somebody holds, for a time that the holder prolongs while it lives: so none is held by the dead for long.
CREATE TABLE held_lock (
    key TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;
