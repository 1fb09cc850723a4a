select kind, lease, data from bide_event where job = :job and seq = :seq
