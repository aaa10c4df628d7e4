#!/usr/bin/env node
import { main } from '@agentwire/cli';

process.exitCode = await main(process.argv.slice(2));
