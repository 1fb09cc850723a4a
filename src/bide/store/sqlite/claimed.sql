-- `limited` are the limits under which some of them were taken, by rowid: as a rule there are none.
insert into bide_event (job, seq, at, kind, attempt, lease, data)
select job.id, job.seq, :now, 'job.started', job.attempt, job.lease,
    case
        when :limited = '{}' or json_extract(:limited, '$."' || picked.value || '"') is null
        then json_object('worker', :worker)
        else json_object('worker', :worker, 'limits', json_extract(:limited, '$."' || picked.value || '"'))
    end
from json_each(:picked) as picked
cross join bide_job as job on job.rowid = picked.value
