insert into bide_payload (job, slot, body)
select :id, slot, body from bide_payload where job = :job and slot = 'input'
