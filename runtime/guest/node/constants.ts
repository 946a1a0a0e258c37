// node:constants: the older place of what is in os, fs and crypto now.
import crypto from "mayfly:constants/crypto";
import fs from "mayfly:constants/fs";
import os from "mayfly:constants/os";

export default { ...os.dlopen, ...os.errno, ...os.priority, ...os.signals, ...fs, ...crypto };
