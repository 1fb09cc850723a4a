-- No event: what a reader sees of the job stays as it is.
update bide_job set ready = 1
where id in (select value from json_each(:ids)) and status = 'pending' and ready = 0
