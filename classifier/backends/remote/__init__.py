"""The remote backend: pictures are decoded and scaled here, the model runs in an engine that is reached over a network.

`addresses` reads what the operator sets, `transport` is what each way of speaking to an engine must offer, `http` is
HTTP with deadlines, `oip_rest` and `tfs_rest` are two ways, `plan` decides how a package's model is called, `address`
holds what is known of one address, `balancer` chooses among them, `batches` gathers what waits, `backend` is the whole.

This module imports nothing: settings read the addresses, and must not wait for NumPy.
"""
