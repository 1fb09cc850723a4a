-- Accepts one job with its first event; returns whether it was not there. As `insert_jobs_v1` does for many, in half of
-- the time: whoever waits for one job waits for this.
create function bide.insert_job_v1(
    p_now bigint, p_id text, p_type text, p_type_version integer, p_queue text, p_priority integer, p_owner text,
    p_max_attempts integer, p_timeout bigint, p_delay bigint, p_key text, p_digest text, p_parent text, p_labels text,
    p_lane text, p_input text, p_data text
) returns boolean
language plpgsql
set lock_timeout = '2s'
as $$
begin
    perform bide.ticket_v1();
    insert into bide.job (
        id, type, type_version, queue, priority, urgency, owner, max_attempts, timeout, rank, status, ready, reason,
        due_at, seq, input, input_size, created_at, idempotency_key, digest, parent, labels, lane
    )
    values (
        p_id, p_type, p_type_version, p_queue, p_priority, p_priority, p_owner, p_max_attempts, p_timeout,
        p_now + p_delay, 'pending', p_delay = 0, case when p_delay > 0 then 'delayed' end,
        case when p_delay > 0 then p_now + p_delay end, 1, p_input, length(p_input), p_now, p_key, p_digest, p_parent,
        p_labels, p_lane
    )
    on conflict do nothing;
    if not found then
        return false;
    end if;
    insert into bide.event (job, seq, at, kind, attempt, lease, data)
    values (p_id, 1, p_now, 'job.enqueued', 0, 0, p_data);
    if p_lane <> '' and p_delay = 0 then
        insert into bide.open_lane (lane) values (p_lane);
    end if;
    if p_labels is not null then
        insert into bide.label (name, value, job)
        select label.key, label.value, p_id from json_each_text(p_labels::json) as label;
    end if;
    return true;
end
$$
