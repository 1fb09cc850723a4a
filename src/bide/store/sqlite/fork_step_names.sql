select name, key from bide_step where job = :job and error is null
