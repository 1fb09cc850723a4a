select name, key from bide.step where job = :job and error is null
