-- Closes these prompts, whose time is over; those that were closed, and whether that made a job ready.
select prompt, readied from bide.expire_v1(:now, :prompts, :responses, :data, :resumed)
