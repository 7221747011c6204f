"""Each sentence of the specification that promises something, and the tests that show it.

The sentences are quoted from the page that says what users expect; a long one is cut into its promises.
What belongs to a later version says so instead of naming a test.
"""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """A sentence and what shows it.

    Args:
        sentence: The sentence, or a part of it.
        tests: Tests as `file::name`, the file below `tests/`; nothing for what is not there yet.
        later: Why there is nothing yet.
    """

    sentence: str
    tests: tuple[str, ...] = ()
    later: str = ""


def shown(sentence: str, *tests: str) -> Promise:
    """Return a promise that tests show."""
    return Promise(sentence, tests)


def later(sentence: str, why: str) -> Promise:
    """Return a promise of a later version."""
    return Promise(sentence, later=why)


FLOWS = "story/test_flows.py::"
TASKS = "story/test_tasks.py::"
FINAL = "story/test_final_states.py::"
THREADS = "story/test_thread_runner.py::"
STATES = "story/test_states.py::"
CONTEXT = "story/test_context_and_runtime.py::"
CACHING = "story/test_caching.py::"
RESULTS = "story/test_results.py::"
MARKS = "story/test_annotations.py::"
BAD = "story/test_bad_input.py::"
DRAWING = "story/test_drawing.py::"
SEED = "story/test_seed.py::"
SETTINGS = "story/test_settings.py::"
LOGS = "story/test_logging_runs.py::"
CONSOLE = "story/test_logging_console.py::"
LOG_PROCESSES = "story/test_logging_processes.py::"
PRINTS = "story/test_logging_prints.py::"
DEADLINES = "drivers/test_deadlines.py::"
PROCESSES = "runners/test_processes.py::"
DEFERRED = "story/test_deferred_tasks.py::"

LIMITS = "story/test_concurrency.py::"
STORED_LIMITS = "stores/test_limits.py::"
TRANSACTIONS = "story/test_transactions.py::"
REMOTE = "story/test_remote.py::"

FLOW_PROMISES = (
    shown(
        "`@flow` on sync and async functions, sync and async generators",
        SEED + "test_a_python_function_becomes_a_workflow_by_the_flow_decorator",
        FLOWS + "test_an_async_flow_is_awaited_and_calls_tasks_of_both_colours",
        FLOWS + "test_a_generator_flow_yields_lazily_and_returns_its_value",
        FLOWS + "test_async_generator_flows_yield_and_may_be_closed_early",
    ),
    shown(
        "and instance, class and static methods in either decorator order that works in Prefect",
        FLOWS + "test_methods_can_be_flows",
        TASKS + "test_methods_can_be_tasks_in_either_decorator_order",
    ),
    shown(
        "Calling returns the function's value, or a state with `return_state=True`.",
        FLOWS + "test_return_state_gives_the_state_instead_of_the_value",
    ),
    shown("An async flow is awaited.", FLOWS + "test_an_async_flow_is_awaited_and_calls_tasks_of_both_colours"),
    shown("`with_options`, `Flow.fn`", FLOWS + "test_with_options_leaves_the_original_as_it_was"),
    shown(
        "`visualize` exist.",
        DRAWING + "test_a_drawing_has_the_tasks_and_what_depends_on_what",
        DRAWING + "test_code_that_needs_a_result_is_told_to_name_one",
        DRAWING + "test_a_picture_without_graphviz_is_refused_and_the_remedy_is_named",
    ),
    shown(
        "Every call is a flow run with its own id, generated or templated name, parameters, tags, parent, "
        "state history, start and end time.",
        FLOWS + "test_every_call_is_a_run_with_id_name_parameters_tags_history_start_and_end",
    ),
    shown(
        "A flow called in a flow is a child run linked to its parent (and to the parent's task run that stands for "
        "it).",
        FLOWS + "test_a_flow_called_in_a_flow_is_a_child_linked_to_parent_and_stand_in",
        CONTEXT + "test_a_child_flow_knows_its_parent_and_its_root",
    ),
    shown(
        "Tasks may be called with or without a flow around them; tasks may call tasks.",
        TASKS + "test_tasks_may_be_called_submitted_and_mapped_without_a_flow",
        TASKS + "test_tasks_may_call_tasks",
    ),
    shown(
        "Parameters are validated and coerced with Pydantic v2 by the annotations (models, datetimes, enums, unions, "
        "`Annotated`, dataclasses)",
        FLOWS + "test_parameters_are_coerced_by_their_annotations",
        FLOWS + "test_a_model_that_fits_is_passed_as_the_same_object",
    ),
    shown(
        "futures and states among the arguments are resolved first",
        FLOWS + "test_futures_and_states_among_the_arguments_are_resolved_first",
    ),
    shown(
        "A bad argument raises `ParameterTypeError` naming flow, parameter and reason, before any user code runs",
        FLOWS + "test_a_bad_argument_names_flow_parameter_and_reason_before_user_code_runs",
    ),
    shown(
        "a wrong signature raises `SignatureMismatchError`",
        FLOWS + "test_arguments_that_do_not_fit_the_signature_are_refused",
    ),
    shown(
        "`validate_parameters=False` passes values as they are.",
        SEED + "test_parameters_are_validated_by_pydantic_unless_told_otherwise",
    ),
    shown(
        "Pydantic is imported only when a flow has something to validate.",
        "story/test_promises.py::test_pydantic_is_imported_only_when_a_flow_has_something_to_validate",
    ),
    shown(
        "Version is a hash of the file that holds the function; null where there is none.",
        SEED + "test_the_version_is_given_or_else_a_hash_of_the_file_or_null",
    ),
    shown(
        "Description is the docstring.",
        SEED + "test_the_description_is_the_argument_or_else_the_docstring",
    ),
    shown(
        "Name is the function's name with dashes.",
        SEED + "test_the_name_is_the_argument_or_else_inferred_from_the_function",
    ),
    shown(
        '`flow_run_name` is a format string over the parameters (`"{name}-on-{date:%A}"`)',
        FLOWS + "test_flow_run_names_take_the_format_syntax_over_validated_parameters",
    ),
    shown(
        "or a function, which may read `runtime`.",
        FLOWS + "test_a_flow_run_name_function_may_read_the_runtime",
    ),
    shown(
        "an exception gives `Failed` (or what the exception stands for: `TimedOut`, `Cancelled`, `Crashed`, `Paused`)",
        FINAL + "test_an_exception_gives_failed_and_is_raised",
        FINAL + "test_what_ends_the_flow_from_outside_crashes_it_and_goes_on_up",
        "rules/test_outcomes.py::test_an_exception_gives_failed_or_what_it_stands_for",
    ),
    shown("a returned state is the state", FINAL + "test_a_returned_state_is_the_state"),
    shown(
        "returned futures and collections that hold states or futures are resolved, and any that is not `COMPLETED` "
        "fails the run with a message that counts them",
        FINAL + "test_a_returned_future_is_resolved",
        FINAL + "test_returned_futures_that_did_not_complete_fail_the_run_with_a_message_that_counts_them",
        FINAL + "test_returned_states_in_any_collection_are_judged",
        "rules/test_outcomes.py::test_a_collection_completes_exactly_if_all_states_in_it_did",
    ),
    shown(
        "anything else is `Completed` with the value as data.",
        FINAL + "test_anything_else_is_completed_with_the_value_as_data",
    ),
    shown(
        "`retries`, `retry_delay_seconds`; the run passes through `AwaitingRetry` and `Retrying`",
        FLOWS + "test_a_flow_retry_passes_through_awaiting_retry_and_retrying",
    ),
    shown("`run_count` counts.", CONTEXT + "test_the_run_count_is_that_of_the_present_try"),
    shown(
        "On a flow retry a task that completed in the earlier attempt is not run again when its result is at hand.",
        TASKS + "test_on_a_flow_retry_a_completed_task_is_not_run_again",
    ),
    shown(
        "Hooks `on_running`, `on_completion`, `on_failure`, `on_cancellation`, `on_crashed`, as arguments",
        FLOWS + "test_hooks_of_a_flow_are_called_in_order_with_flow_run_and_state",
        FLOWS + "test_on_crashed_and_on_cancellation_are_called",
    ),
    shown("and as decorators on the flow", FLOWS + "test_hooks_can_be_added_as_decorators_on_the_flow"),
    shown(
        "sync or async, each called with `(flow, flow_run, state)`.",
        FLOWS + "test_hooks_of_a_flow_are_called_in_order_with_flow_run_and_state",
        TASKS + "test_hooks_can_be_added_by_decorators_and_be_async",
    ),
    shown(
        "A failing hook is logged and changes nothing.",
        TASKS + "test_a_failing_hook_is_logged_and_changes_nothing",
        "scripts/test_stops.py::test_an_error_in_a_final_hook_does_not_change_what_the_run_came_to",
    ),
)

TASK_PROMISES = (
    shown(
        "`@task` likewise, with `submit`, `map`",
        TASKS + "test_tasks_may_be_called_submitted_and_mapped_without_a_flow",
    ),
    shown(
        "`delay`, `apply_async`, `serve`",
        DEFERRED + "test_a_worker_runs_it_under_the_same_identifier_and_the_future_gets_the_result",
        DEFERRED + "test_apply_async_takes_arguments_as_collections",
        DEFERRED + "test_delay_does_not_wait_for_a_deferred_run_among_its_arguments_but_the_worker_does",
        DEFERRED + "test_serve_says_what_it_serves_and_ends_after_its_timeout",
        "agents/test_task_worker.py::"
        "test_what_a_process_that_has_ended_left_is_run_by_a_worker_of_command_and_script_alike",
    ),
    shown(
        "`name` defaults to the function's name",
        SEED + "test_the_name_is_the_argument_or_else_inferred_from_the_function",
    ),
    shown(
        "`task_key` is stable over runs and processes.",
        TASKS + "test_the_task_key_is_stable_over_processes",
    ),
    shown(
        "futures and states passed as arguments, at any depth in lists, tuples, sets, dicts, dataclasses and Pydantic "
        "models, are resolved before the run",
        TASKS + "test_futures_and_states_are_resolved_at_any_depth",
        "rules/test_resolution.py::test_every_future_and_state_is_replaced_and_nothing_else_changes",
    ),
    shown(
        "and recorded as its inputs.",
        TASKS + "test_dependencies_are_recorded_as_the_inputs_of_the_run",
    ),
    shown("`wait_for=[…]` waits without passing.", TASKS + "test_wait_for_waits_without_passing"),
    shown(
        "An upstream that did not complete leaves the run `NotReady` (`PENDING`)",
        TASKS + "test_an_upstream_that_did_not_complete_leaves_the_run_not_ready",
    ),
    shown(
        "unless it is wrapped in `allow_failure`.",
        TASKS + "test_allow_failure_lets_a_run_start_with_the_exception",
        MARKS + "test_allow_failure_passes_the_exception_and_runs",
    ),
    shown(
        "`unmapped` and `quote` as in Prefect.",
        MARKS + "test_unmapped_goes_to_each_call_whole",
        MARKS + "test_what_is_quoted_is_not_looked_into_and_nothing_is_waited_for",
    ),
    shown(
        "Looking for futures in a large plain argument (a list of a million numbers, a NumPy array, a DataFrame) costs "
        "next to nothing.",
        TASKS + "test_a_large_plain_argument_is_passed_as_the_same_object",
        "rules/test_resolution.py::test_a_hundred_thousand_numbers_are_looked_at_in_a_handful_of_calls",
    ),
    shown(
        "`map` pairs iterables of equal length",
        TASKS + "test_map_pairs_iterables_of_equal_length",
        "rules/test_mapping.py::test_each_call_gets_a_row_and_what_all_share_in_the_order_of_the_signature",
    ),
    shown(
        "(`MappingLengthMismatch`, `MappingMissingIterable`)",
        TASKS + "test_map_of_unequal_lengths_names_them",
        TASKS + "test_map_without_an_iterable_says_so",
    ),
    shown(
        "accepts futures of iterables",
        TASKS + "test_map_accepts_futures_of_iterables_and_iterables_of_futures",
    ),
    shown(
        "returns a `FutureList` with `result()` and `wait()`.",
        TASKS + "test_map_pairs_iterables_of_equal_length",
    ),
    shown(
        "own tags united with those of the `tags(...)` context.",
        SEED + "test_task_tags_are_combined_with_those_of_the_context",
        CONTEXT + "test_runs_of_all_kinds_get_the_tags_that_hold_where_they_are_called",
    ),
    shown(
        "`task_run_name`: format string over the arguments with the standard format syntax",
        SEED + "test_task_run_name_takes_the_standard_format_syntax",
    ),
    shown(
        "or a function without arguments or with `parameters`.",
        TASKS + "test_task_run_name_may_be_a_function_without_or_with_parameters",
    ),
    shown(
        "`retry_delay_seconds` a number, a list, a callable, or `exponential_backoff(factor)`",
        TASKS + "test_retry_delay_seconds_is_a_number_a_list_or_a_callable",
        "rules/test_retrying.py::test_exponential_delays_double",
    ),
    shown(
        "`retry_jitter_factor`",
        TASKS + "test_retry_jitter_factor_stretches_the_delays_at_random",
        "rules/test_retrying.py::test_jitter_stretches_a_delay_up_to_its_factor",
    ),
    shown(
        "`retry_condition_fn(task, task_run, state)`.",
        TASKS + "test_retry_condition_fn_receives_task_run_and_state_and_decides",
    ),
)

TIMEOUT_PROMISES = (
    shown(
        "seconds, fractions allowed",
        DEADLINES + "test_the_shortest_time_is_a_deadline_too",
        "rules/test_options.py::test_seconds_are_a_number_that_is_not_negative",
    ),
    shown(
        "async | cancelled at the current `await`",
        SEED + "test_async_tasks_are_cancelled_at_an_await_point",
        FLOWS + "test_an_async_flow_is_cancelled_at_its_await",
    ),
    shown(
        "sync on the main thread | interrupted, blocking calls included (signals)",
        SEED + "test_sync_tasks_called_directly_are_interrupted_by_signals_even_in_blocking_calls",
        DEADLINES + "test_a_blocking_call_on_the_main_thread_is_interrupted",
    ),
    shown(
        "nested deadlines each keep their own, the nearest fires first",
        FLOWS + "test_nested_deadlines_each_keep_their_own",
        DEADLINES + "test_nested_deadlines_come_one_after_the_other",
    ),
    shown(
        "an outer alarm of the user's is restored",
        DEADLINES + "test_an_alarm_of_the_users_is_restored_with_its_remaining_time",
    ),
    shown(
        "sync in a worker thread | Python code is interrupted at the next bytecode; a blocking C call ends first, and "
        "then the run is `TimedOut`",
        SEED + "test_a_blocking_call_in_a_thread_ends_first_and_then_the_timeout_takes_effect",
        DEADLINES + "test_each_worker_thread_is_interrupted_by_its_own_deadline",
    ),
    shown(
        "process runner | interrupted on the child's main thread",
        PROCESSES + "test_a_sync_task_is_interrupted_in_a_blocking_call",
    ),
    shown(
        "if it is still there after a grace period, the child is killed and replaced and the rest of the work goes on",
        PROCESSES + "test_a_child_that_does_not_listen_is_killed_and_replaced",
    ),
    shown(
        "A timed-out run is `TimedOut` (type `FAILED`) and the call raises `TaskRunTimeoutError` / "
        "`FlowRunTimeoutError`, both `TimeoutError`.",
        SEED + "test_a_flow_that_runs_for_too_long_is_cancelled_by_timeout_seconds",
        SEED + "test_a_task_that_runs_for_too_long_is_cancelled_by_timeout_seconds",
    ),
    shown(
        "A user's own `TimeoutError` is a plain failure.",
        FLOWS + "test_a_users_own_timeout_error_is_a_plain_failure",
    ),
    shown(
        "The state says which guarantee applied.",
        STATES + "test_a_timed_out_state_says_which_guarantee_applied",
    ),
    shown(
        "No deadline thread or alarm is left behind.",
        DEADLINES + "test_the_watcher_thread_ends_when_there_is_nothing_to_watch_and_begins_again",
        "house/test_guards.py::test_a_test_that_leaves_something_behind_or_reaches_out_fails",
    ),
)

STATE_PROMISES = (
    shown(
        "`State` has `type` (`SCHEDULED PENDING RUNNING COMPLETED FAILED CRASHED CANCELLED CANCELLING PAUSED`)",
        STATES + "test_there_are_nine_types",
    ),
    shown(
        "`name`, `message`, `data`, `timestamp`, `id`, `state_details`",
        STATES + "test_a_state_has_an_identifier_and_a_moment_of_its_own",
        STATES + "test_details_go_with_a_state",
    ),
    shown("predicates `is_*`", STATES + "test_exactly_one_predicate_of_the_types_holds"),
    shown(
        "`result(raise_on_failure=True)`.",
        STATES + "test_a_completed_state_gives_its_data",
        STATES + "test_a_state_that_did_not_complete_raises_or_returns_its_error",
        STATES + "test_a_run_that_has_not_finished_has_no_result",
    ),
    shown(
        "Constructors for each named state are in `states`",
        STATES + "test_each_named_state_has_a_constructor",
        STATES + "test_no_constructor_is_forgotten_here",
    ),
    shown(
        "A future has `task_run_id`, `state`, `wait(timeout)`, `result(timeout, raise_on_failure)`, "
        "`add_done_callback`",
        THREADS + "test_a_future_knows_its_run_its_state_and_its_result",
        THREADS + "test_a_failing_done_callback_does_not_harm_the_result",
    ),
    shown("`wait(futures)` and `as_completed(futures)` exist.", THREADS + "test_wait_and_as_completed"),
    shown(
        "Results of unneeded futures do not keep memory alive.",
        THREADS + "test_results_of_unneeded_futures_do_not_keep_memory_alive",
    ),
)

RUNNER_PROMISES = (
    shown(
        "`ThreadPoolTaskRunner(max_workers)` (default)",
        SEED + "test_submitted_tasks_run_in_the_given_task_runner_or_else_in_threads",
        THREADS + "test_never_more_tasks_at_once_than_max_workers",
    ),
    shown("`ProcessPoolTaskRunner`", PROCESSES + "test_tasks_in_processes_return_what_they_return_anywhere"),
    shown(
        "`DaskTaskRunner`, `RayTaskRunner` (extras `sluiceway[dask]`, `sluiceway[ray]`)",
        "runners/test_dask.py::test_tasks_on_dask_return_what_they_return_anywhere",
        "runners/test_dask.py::test_without_dask_the_error_says_what_to_install",
        "runners/test_ray.py::test_tasks_on_ray_return_what_they_return_anywhere",
        "runners/test_ray.py::test_without_ray_the_error_says_what_to_install",
    ),
    shown("your own by subclassing `TaskRunner`.", THREADS + "test_an_own_runner_is_made_by_subclassing"),
    shown(
        "A parent that waits for its children in a full pool must not deadlock, with `max_workers=1` too: the waiting "
        "thread runs its own children.",
        THREADS + "test_a_parent_that_waits_for_its_children_in_a_full_pool_does_not_deadlock",
        THREADS + "test_a_mapped_fan_out_in_a_task_does_not_deadlock_with_one_worker",
        PROCESSES + "test_nested_submits_do_not_deadlock_with_one_worker",
    ),
    shown(
        "On leaving the flow, unfinished futures are waited for, as in Prefect.",
        FINAL + "test_leaving_a_flow_waits_for_unfinished_futures",
        FINAL + "test_a_raising_flow_waits_for_its_futures_too",
    ),
)

CACHE_PROMISES = (
    shown(
        "A task run's key comes from `cache_key_fn(context, parameters)`",
        CACHING + "test_a_key_function_receives_the_context_and_the_parameters",
    ),
    shown(
        "or `cache_policy`: `INPUTS`, `TASK_SOURCE`, `RUN_ID`, `FLOW_PARAMETERS`",
        CACHING + "test_by_inputs_a_result_is_taken_over_in_any_run",
        CACHING + "test_by_source_two_functions_with_the_same_text_and_other_constants_do_not_share_results",
        CACHING + "test_by_run_id_a_result_is_taken_over_within_one_flow_run",
        CACHING + "test_by_flow_parameters_a_result_is_taken_over_in_runs_with_the_same",
    ),
    shown("`NO_CACHE`/`NONE`", CACHING + "test_with_no_cache_each_call_runs"),
    shown(
        "`DEFAULT` (inputs + source + run id)",
        CACHING + "test_by_default_policy_a_result_is_taken_over_for_equal_inputs_source_and_run",
    ),
    shown(
        '`+` joins, `- "name"` drops an input',
        SEED + "test_cache_policies_can_be_combined_by_plus",
        CACHING + "test_an_input_can_be_left_out_of_the_key",
    ),
    shown(
        "`CacheKeyFnPolicy`, own subclasses of `CachePolicy`.",
        CACHING + "test_a_key_function_receives_the_context_and_the_parameters",
        CACHING + "test_a_policy_of_ones_own_needs_only_a_key",
    ),
    shown(
        "`cache_expiration` a `timedelta`; `refresh_cache`.",
        CACHING + "test_a_result_expires",
        CACHING + "test_refresh_cache_runs_in_any_case_and_caches_anew",
    ),
    shown(
        "A hit gives a state named `Cached` (type `COMPLETED`) with the stored result.",
        CACHING + "test_a_hit_is_a_state_named_cached_with_the_stored_result_and_the_key",
    ),
    shown(
        "`TASK_SOURCE` includes what the function closes over and the globals it reads, so that two functions with the "
        "same text and other constants do not share results.",
        CACHING + "test_by_source_two_functions_with_the_same_text_and_other_constants_do_not_share_results",
        "rules/test_hashing_code.py::test_functions_with_the_same_text_and_other_closures_differ",
        "rules/test_hashing_code.py::test_functions_with_the_same_text_and_other_globals_differ",
    ),
    shown(
        "An input that cannot be hashed gives one log line that names the argument, never a traceback and never a "
        "wrong hit.",
        BAD + "test_an_argument_that_cannot_be_hashed_is_one_line_that_names_it",
    ),
    shown(
        "a result that a cache policy, a retry or a resume may need is stored",
        RESULTS + "test_the_result_of_a_task_in_a_flow_is_stored_since_a_retry_or_resume_may_need_it",
        RESULTS + "test_the_result_of_a_task_outside_flows_is_stored_when_asked_for_or_cached",
        RESULTS + "test_the_result_of_a_task_that_nothing_needs_again_is_not_stored",
    ),
    shown(
        "small ones (up to 64 KiB) in the run database",
        RESULTS + "test_small_results_are_in_the_run_database",
        RESULTS + "test_the_limit_for_what_is_small_is_64_kibibytes",
    ),
    shown(
        "larger ones in result storage by content, a directory by default",
        RESULTS + "test_large_results_are_in_result_storage_by_content",
    ),
    shown("any `fsspec` URL as an option.", RESULTS + "test_any_fsspec_address_can_be_the_storage"),
    shown(
        "`persist_result=False` turns it off",
        RESULTS + "test_nothing_is_stored_where_persistence_is_turned_off",
        CACHING + "test_results_that_are_not_to_be_stored_are_not_cached",
    ),
    shown(
        "`result_storage`, `result_serializer` (`pickle`, `json`, `compressed/…`)",
        RESULTS + "test_a_task_may_have_a_storage_of_its_own",
        RESULTS + "test_a_result_comes_back_through_any_serializer",
    ),
    shown(
        "`cache_result_in_memory` as in Prefect.",
        "storage/test_results.py::test_a_large_result_on_remote_storage_is_remembered_where_that_is_asked_for",
    ),
    shown(
        "What is not stored says why.",
        RESULTS + "test_what_could_not_be_stored_says_why_in_the_state",
        BAD + "test_a_result_that_cannot_be_stored_is_returned_and_one_line_says_why",
    ),
    shown(
        "never unpickle: each stored result carries a short text preview made by the process that wrote it.",
        RESULTS + "test_reading_runs_unpickles_nothing_until_a_result_is_asked_for",
        RESULTS + "test_a_stored_result_carries_a_short_text_of_it",
    ),
)

OTHER_PROMISES = (
    shown(
        "with transaction(key=…, store=…, commit_mode=…, isolation_level=…, overwrite=…)",
        TRANSACTIONS + "test_a_result_is_kept_by_its_key_and_the_next_block_finds_it_committed",
        TRANSACTIONS + "test_commit_modes_decide_when_what_is_within_is_committed",
        TRANSACTIONS + "test_overwrite_runs_again_and_replaces_the_result",
    ),
    shown(
        "nested, with `on_commit` and `on_rollback` hooks of tasks in it, `get_transaction()`",
        TRANSACTIONS + "test_a_block_is_active_then_committed_and_known_to_the_code_within",
        TRANSACTIONS + "test_tasks_in_a_block_are_committed_with_it_in_order",
        TRANSACTIONS + "test_values_are_found_from_within_and_are_copies",
    ),
    shown(
        "an exception rolls back in reverse order",
        TRANSACTIONS + "test_when_a_later_task_fails_the_earlier_ones_are_rolled_back_in_reverse",
        TRANSACTIONS + "test_commit_hooks_are_called_in_order_and_rollback_hooks_in_reverse",
    ),
    shown(
        "`SERIALIZABLE` takes a lock from `locking`",
        TRANSACTIONS + "test_serializable_holds_a_lock_on_the_key_until_the_end",
        TRANSACTIONS + "test_serializable_blocks_of_one_key_do_the_work_once",
        "story/test_locking.py::test_of_eight_processes_that_hammer_one_lock_never_two_are_inside",
    ),
    shown(
        "records carry run ids and go to the console and the journal.",
        LOGS + "test_lines_of_flows_and_tasks_carry_run_ids_to_the_console_and_the_journal",
    ),
    shown(
        "`get_run_logger()`",
        LOGS + "test_the_logger_of_a_child_flow_is_its_own",
        LOGS + "test_outside_runs_there_is_no_run_logger",
    ),
    shown("`log_prints`", PRINTS + "test_prints_of_a_flow_that_asked_for_it_are_log_lines"),
    shown(
        "Logs of a run that ends at once, crashes or is killed are kept up to the last flushed batch",
        LOG_PROCESSES + "test_the_last_lines_of_a_program_that_ends_at_once_are_kept",
        LOG_PROCESSES + "test_the_lines_of_a_killed_program_are_kept_up_to_the_last_flushed_batch",
    ),
    shown(
        "an over-long line is cut with a marker, never dropped.",
        LOGS + "test_an_over_long_line_is_cut_with_a_marker_and_never_dropped",
    ),
    shown(
        "The console shows `HH:MM:SS.mmm | LEVEL | Flow run 'name' - text` in colour on a terminal, plain when piped.",
        CONSOLE + "test_a_line_has_time_level_run_and_text",
        CONSOLE + "test_the_console_is_coloured_on_a_terminal_and_plain_when_piped",
    ),
    shown(
        "`SLUICEWAY_LOGGING_LEVEL`, standard `logging` configuration and JSON output work.",
        CONSOLE + "test_the_level_setting_decides_what_is_shown",
        LOGS + "test_a_configuration_made_after_the_import_loses_no_lines",
        LOG_PROCESSES + "test_a_program_can_be_told_by_the_environment_to_log_json",
    ),
    shown(
        "`runtime.flow_run` (`id name flow_name tags parameters parent_flow_run_id root_flow_run_id "
        "scheduled_start_time run_count …`), `runtime.task_run`, `runtime.deployment`.",
        CONTEXT + "test_a_flow_run_is_known_to_its_code",
        CONTEXT + "test_a_task_run_is_known_to_its_code_and_so_is_the_flow_run",
        CONTEXT + "test_a_run_that_no_deployment_made_has_none",
    ),
    shown(
        "`context`: `FlowRunContext`, `TaskRunContext`, `TagsContext`, `get_run_context()`, `tags(...)`.",
        CONTEXT + "test_the_context_is_that_of_the_innermost_run",
        CONTEXT + "test_outside_runs_there_is_no_context",
        CONTEXT + "test_tags_join_those_around_them_and_end_with_the_block",
    ),
    shown(
        "Context reaches worker threads and child processes.",
        THREADS + "test_context_variables_of_the_caller_reach_the_thread",
        "runners/test_remote.py::test_the_context_travels",
    ),
    shown(
        "`SLUICEWAY_*` environment variables, then `sluiceway.toml` or `[tool.sluiceway]` in `pyproject.toml` from the "
        "working directory upwards, then the profile in `SLUICEWAY_HOME` (default `~/.sluiceway`).",
        SETTINGS + "test_the_environment_comes_first_then_the_project_then_the_profile_then_the_default",
        SETTINGS + "test_the_nearest_project_file_wins_and_those_above_are_not_read",
        SETTINGS + "test_in_one_folder_sluiceway_toml_wins_over_pyproject_toml",
    ),
    shown(
        "`SLUICEWAY_DATABASE_URL` (default SQLite in the home folder)",
        SETTINGS + "test_the_database_and_the_results_move_with_the_home_folder",
    ),
    shown(
        "`SLUICEWAY_RESULTS_…`, `SLUICEWAY_LOGGING_…`.",
        RESULTS + "test_another_folder_can_be_the_storage_of_all_results",
        RESULTS + "test_the_serializer_of_all_results_is_a_setting",
        LOGS + "test_the_level_setting_decides_what_is_kept",
    ),
    shown(
        "`SLUICEWAY_API_URL` (talk to a server instead)",
        REMOTE + "test_runs_are_recorded_by_the_server_and_read_back_in_both_colours",
        REMOTE + "test_a_server_that_is_killed_under_load_loses_nothing_and_holds_up_nobody",
    ),
    shown(
        "An unknown or bad setting is one clear error that names it.",
        SETTINGS + "test_an_unknown_variable_is_one_error_that_suggests_the_right_name",
        SETTINGS + "test_a_bad_value_is_one_error_that_names_the_setting_its_place_and_what_is_allowed",
    ),
)

LIMIT_PROMISES = (
    shown(
        '`concurrency("db", occupy=1, timeout_seconds=…)`, `rate_limit("api")`, sync and async',
        LIMITS + "test_a_block_holds_slots_and_gives_them_back_also_when_it_raises",
        LIMITS + "test_an_async_block_holds_slots_and_gives_them_back_also_when_it_is_cancelled",
        LIMITS + "test_who_waits_too_long_gets_a_timeout_error_that_says_what_is_taken",
        LIMITS + "test_a_rate_lets_a_burst_through_and_then_as_many_in_a_second_as_the_decay",
    ),
    shown(
        "limits by task tag",
        LIMITS + "test_submitted_tasks_with_a_tag_run_no_more_at_once_than_its_limit_says",
        LIMITS + "test_async_tasks_with_a_tag_run_no_more_at_once_than_its_limit_says",
        LIMITS + "test_tasks_in_processes_run_no_more_at_once_than_the_limit_of_their_tag_says",
    ),
    shown(
        "over all processes that share the store.",
        LIMITS + "test_of_eight_processes_that_hammer_a_limit_of_two_never_more_than_two_are_inside",
    ),
    shown(
        "A slot is a row with an owner (lease) and a deadline; no counter exists.",
        LIMITS + "test_the_slot_of_a_process_that_was_killed_comes_free_by_itself",
        STORED_LIMITS + "test_slots_that_are_not_prolonged_come_free_at_their_time",
        STORED_LIMITS + "test_never_are_more_slots_taken_than_there_are_however_the_verbs_and_the_time_interleave",
    ),
    shown(
        "Fair queueing",
        LIMITS + "test_threads_in_line_are_served_in_their_order",
        STORED_LIMITS + "test_slots_go_to_who_has_waited_longest",
        STORED_LIMITS + "test_who_wants_many_slots_is_not_starved_by_those_who_want_few",
        STORED_LIMITS + "test_everybody_in_line_has_its_turn_whatever_each_wants",
    ),
    shown("strict mode for unknown names", LIMITS + "test_a_name_without_a_limit_is_an_error_when_strict"),
    shown(
        "`sluiceway limit ls|set|rm|who`.",
        "cli/test_limit.py::test_a_limit_is_set_listed_changed_and_deleted",
        "cli/test_limit.py::test_who_has_slots_and_who_waits_is_shown_with_run_and_process",
    ),
)

SEED_PROMISES = (
    shown(
        "Make a Python function a workflow by adding the@flow decorator to it",
        SEED + "test_a_python_function_becomes_a_workflow_by_the_flow_decorator",
    ),
    shown(
        "You can create tasks and child flows to organize your workflow logic.",
        SEED + "test_tasks_and_child_flows_organise_the_workflow",
    ),
    shown(
        "To apply a timeout to a flow or task to prevent it from running for too long, use thetimeout_seconds keyword "
        "argument.",
        SEED + "test_a_flow_that_runs_for_too_long_is_cancelled_by_timeout_seconds",
        SEED + "test_a_task_that_runs_for_too_long_is_cancelled_by_timeout_seconds",
    ),
    shown(
        "When the timeout is reached, the task is cancelled at the next await statement.",
        SEED + "test_async_tasks_are_cancelled_at_an_await_point",
    ),
    shown(
        "it typically runs on the main thread where timeouts can use OS signals to interrupt execution, including "
        "blocking operations.",
        SEED + "test_sync_tasks_called_directly_are_interrupted_by_signals_even_in_blocking_calls",
    ),
    shown(
        "The timeout will only take effect after the blocking operation completes naturally.",
        SEED + "test_a_blocking_call_in_a_thread_ends_first_and_then_the_timeout_takes_effect",
    ),
    shown(
        "An optional string description for the flow. If not provided, the description is pulled from the docstring",
        SEED + "test_the_description_is_the_argument_or_else_the_docstring",
    ),
    shown(
        "An optional name for the flow. If not provided, the name is inferred from the function.",
        SEED + "test_the_name_is_the_argument_or_else_inferred_from_the_function",
    ),
    shown("An optional number of times to retry on flow run failure.", SEED + "test_a_flow_is_retried_on_failure"),
    shown(
        "An optional number of seconds to wait before retrying the flow after failure. This is only applicable if "
        "retries is nonzero.",
        SEED + "test_retry_delay_seconds_is_the_wait_before_retrying_and_only_applies_if_there_are_retries",
    ),
    shown(
        "this name can be provided as a string template with the flow’s parameters as variables; you can also provide "
        "this name as a function that returns a string.",
        SEED + "test_flow_run_name_is_a_template_over_the_parameters_or_a_function",
    ),
    shown(
        "If not provided and you .submit() tasks, the ThreadPoolTaskRunner is used.",
        SEED + "test_submitted_tasks_run_in_the_given_task_runner_or_else_in_threads",
    ),
    shown(
        "If the flow exceeds this runtime, it is marked as failed. Flow execution may continue until the next task is "
        "called.",
        SEED + "test_a_flow_that_runs_for_too_long_is_cancelled_by_timeout_seconds",
    ),
    shown(
        "Boolean indicating whether parameters passed to flows are validated by Pydantic. Default is True.",
        SEED + "test_parameters_are_validated_by_pydantic_unless_told_otherwise",
    ),
    shown(
        "If not provided, we will attempt to create a version string as a hash of the file containing the wrapped "
        "function. If the file cannot be located, the version will be null.",
        SEED + "test_the_version_is_given_or_else_a_hash_of_the_file_or_null",
    ),
    shown(
        "These tags are combined with any tags defined by a prefect.tags context at task runtime.",
        SEED + "test_task_tags_are_combined_with_those_of_the_context",
    ),
    shown(
        "If the key matches a previous completed state, that state result is restored instead of running the task "
        "again.",
        SEED + "test_a_cache_key_function_restores_a_completed_result_instead_of_running_again",
    ),
    shown("Can be combined using the + operator.", SEED + "test_cache_policies_can_be_combined_by_plus"),
    shown(
        "An optional amount of time indicating how long cached states for this task are restorable; if not provided, "
        "cached states will never expire.",
        SEED + "test_cached_results_expire_after_cache_expiration_or_never",
    ),
    shown("An optional number of times to retry on task run failure.", SEED + "test_a_task_is_retried_on_failure"),
    shown(
        "An optional boolean indicating whether to log print statements.",
        SEED + "test_log_prints_logs_what_is_printed",
    ),
    shown(
        "Python’s standard string formatting syntax applies",
        SEED + "test_task_run_name_takes_the_standard_format_syntax",
    ),
)

BAD_INPUT = (
    shown("Unknown decorator arguments", BAD + "test_a_decorator_that_cannot_be_used_so_says_what_and_why"),
    shown(
        "negative timeouts or retries",
        BAD + "test_a_decorator_that_cannot_be_used_so_says_what_and_why",
        "rules/test_options.py::test_seconds_are_a_number_that_is_not_negative",
        "rules/test_options.py::test_retries_are_a_whole_number_that_is_not_negative",
    ),
    shown("a lambda or builtin as flow", BAD + "test_a_decorator_that_cannot_be_used_so_says_what_and_why"),
    shown(
        "an unhashable or unpicklable argument or result",
        BAD + "test_an_argument_that_cannot_be_hashed_is_one_line_that_names_it",
        BAD + "test_a_result_that_cannot_be_stored_is_returned_and_one_line_says_why",
        "runners/test_remote.py::test_an_argument_that_cannot_be_pickled_is_named_with_its_task_and_the_remedy",
        "runners/test_remote.py::test_a_result_that_cannot_be_pickled_is_named_with_the_remedy",
    ),
    shown(
        "a generator returned",
        BAD + "test_a_result_that_cannot_be_stored_is_returned_and_one_line_says_why",
        BAD + "test_a_generator_that_a_task_returns_is_passed_on_unless_it_is_to_be_stored",
    ),
    shown("unequal `map` lengths", BAD + "test_iterables_of_unequal_length_are_named_with_their_lengths"),
    shown(
        "a cyclic future",
        THREADS + "test_a_task_that_waits_for_itself_is_told_so",
        THREADS + "test_two_tasks_that_wait_for_each_other_are_told_so",
    ),
    shown(
        "a broken or newer database",
        BAD + "test_a_journal_that_cannot_be_written_is_said_and_the_flow_gives_its_own_result",
        BAD + "test_reading_such_a_journal_is_the_same_error",
        BAD + "test_a_broken_or_newer_database_is_left_as_it_is",
        "cli/test_app.py::test_a_broken_database_is_one_line_that_names_the_file",
    ),
    shown(
        "a home folder without write permission",
        BAD + "test_a_home_folder_without_write_permission_is_said_and_the_flow_gives_its_own_result",
        BAD + "test_a_read_only_database_is_said_and_the_flow_gives_its_own_result",
    ),
    shown(
        "a full disk",
        BAD + "test_a_full_disk_is_said_and_the_flow_gives_its_own_result",
        BAD + "test_what_was_recorded_while_the_disk_was_full_is_written_when_there_is_space",
        "storage/test_results.py::test_a_full_disk_does_not_fail_the_run",
    ),
    shown(
        "an unknown run id or flow name in the command line",
        "cli/test_choosing.py::test_an_unknown_run_is_refused_with_the_remedy",
        "cli/test_run.py::test_an_unknown_flow_is_refused_and_those_there_are_listed",
        "cli/test_ls.py::test_an_unknown_flow_is_refused_and_those_there_are_listed",
    ),
    shown(
        "invalid JSON parameters",
        "cli/test_run.py::test_a_value_that_is_no_json_is_refused_with_how_to_write_it",
    ),
    shown(
        "a limit of zero or less",
        "cli/test_limit.py::test_a_limit_of_zero_or_less_is_refused_and_nothing_is_changed",
        "story/test_client_limits.py::test_a_limit_of_zero_or_less_or_a_bad_decay_is_an_error_and_nothing_is_changed",
    ),
    shown(
        "Ctrl-C during a flow: its state says so, child processes are gone, the journal is intact.",
        BAD + "test_a_program_that_is_interrupted_ends_soon_says_so_and_leaves_its_journal_intact",
        PROCESSES + "test_however_a_program_is_ended_its_children_are_gone",
        "cli/test_run.py::test_a_signal_ends_the_process_as_it_ends_others_and_the_journal_says_so",
    ),
)

PROMISES = (
    *FLOW_PROMISES,
    *TASK_PROMISES,
    *TIMEOUT_PROMISES,
    *STATE_PROMISES,
    *RUNNER_PROMISES,
    *CACHE_PROMISES,
    *OTHER_PROMISES,
    *LIMIT_PROMISES,
    *SEED_PROMISES,
    *BAD_INPUT,
)
