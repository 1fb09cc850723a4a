"""Thousands of jobs, while the processes that execute them are killed at random, and the database is restarted.

Worker processes share one database: an SQLite file, or a PostgreSQL of its own at its default durability. Each time a
random number of jobs has finished, a random worker gets a real SIGKILL and another is started at once; or PostgreSQL
is stopped, in turn fast, immediately, and by SIGKILL, and started again. A robot answers what is asked, and cancels
what would never end. Then the file that the jobs wrote their effects into, outside of the database, is held against the
database:

*  nothing was lost: every job whose enqueue was acknowledged has come to the end that is due to it;
*  nothing was completed twice: each has one `job.completed`, nothing follows it, and no step ran again after the job
   had been given its recorded result; a job without steps ran at most once in each of its attempts, and once more each
   time it was given back;
*  no worker logged an exception that nobody expected;
*  the checker finds nothing.
"""
