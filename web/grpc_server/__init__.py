"""The Open Inference Protocol over gRPC, on a port of its own: the methods, and what bounds their callers.

`front` takes the connections, within the same bounds as those of the page, and passes their bytes on to gRPC's own
server, which listens on a socket that only this process finds. `arrivals` counts a message while it arrives, `calls`
handles one call, `methods` has what can be called, `server` starts and ends it all.
"""
