select mark, jobs from bide.changes_v1(:since, :limit)
