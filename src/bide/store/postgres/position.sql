select bide.horizon_v1()
