-- Who called a run: the user, the machine and the program.
ALTER TABLE flow_run ADD COLUMN started_by TEXT;
