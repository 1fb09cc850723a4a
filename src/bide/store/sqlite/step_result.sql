select result from bide_step where job = :job and name = :name and key = :key
