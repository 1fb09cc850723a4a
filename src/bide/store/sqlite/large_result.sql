insert into bide_payload (job, slot, body) values (:job, 'result', :body)
