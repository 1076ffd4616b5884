"""The keeper: the process that owns the services and the server of a managed session, and outlives a killed session.

It starts what it is told to, keeps the output, masks it, stops everything in order, and proves that nothing is
left. It talks with the session through files, so either side can be killed and started again at any moment.
"""
