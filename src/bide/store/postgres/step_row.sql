-- The columns of a StepRow, in its order, and its job's id. What is large stays where it is.
select step.name, step.key, case when step.size > :lazy then null else step.result end, step.error,
    case when step.size > :lazy then step.size else 0 end, step.job
from bide.step as step
