"""The reserve application: one site that sells spinning and supplementary reserve, and keeps delivering when it can.

`controller` is the application for any host; `core` with its neighbours are its decisions; `settlement` judges what was
delivered; `cases` and `local` run the published study in this process.

    from janusgrid.ems.reserve.cases import case
    from janusgrid.ems.reserve.local import run_local

    result = run_local(case("t17"))
    print(result.settlement.average_rate)
"""
