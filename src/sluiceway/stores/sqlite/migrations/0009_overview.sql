-- What is seen of many runs at once comes off the rows of an index alone, which are narrow. No task run has another index
-- for it: wider ones on flow runs, of which there are few, and partial ones of what goes wrong.
DROP INDEX flow_run_by_flow;
CREATE INDEX flow_run_by_flow ON flow_run (flow, key, state, parent, started, ended);

DROP INDEX flow_run_by_state;
CREATE INDEX flow_run_by_state ON flow_run (state, key, flow, parent);

CREATE INDEX flow_run_by_failure ON flow_run (ended, key, state, parent) WHERE state IN (4, 5) AND parent IS NULL;
CREATE INDEX log_serious ON log (flow_run) WHERE level >= 30;
