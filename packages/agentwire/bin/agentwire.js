#!/usr/bin/env node
import '@agentwire/cli';
