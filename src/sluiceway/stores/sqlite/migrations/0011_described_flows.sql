-- What each flow is for and what it takes, as the process that ran it last has told.
ALTER TABLE flow ADD COLUMN description TEXT;
ALTER TABLE flow ADD COLUMN parameters TEXT;

-- Who called a run: the user, the machine and the program.
ALTER TABLE flow_run ADD COLUMN started_by TEXT;
