select bide.ticket_v1()
