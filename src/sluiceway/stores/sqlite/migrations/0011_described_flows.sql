-- What each flow is for and what it takes, as the process that ran it last has told.
ALTER TABLE flow ADD COLUMN description TEXT;
ALTER TABLE flow ADD COLUMN parameters TEXT;
