select result from bide.step where job = :job and name = :name and key = :key
