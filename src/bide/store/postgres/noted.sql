-- The runs for which an earlier call has written this batch.
select distinct job, lease from bide.event where job = any(cast(:jobs as text[])) and batch = :batch
